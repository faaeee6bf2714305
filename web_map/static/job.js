// A job's page: follows its events, and shows the finished page when the job has ended.
const { job, names } = document.getElementById("job").dataset;
const stateNames = JSON.parse(names);
const events = new EventSource(`/jobs/${job}/events`);
const final = new Set(["successful", "failed", "dismissed"]);

events.addEventListener("status", (event) => {
  const status = JSON.parse(event.data);
  const state = document.getElementById("job-state");
  state.textContent = `${stateNames[status.status]} ${status.status}`;
  state.className = `state ${status.status}`;
  document.getElementById("job-progress").value = status.progress;
  document.getElementById("job-percent").textContent = `${status.progress} %`;
  document.getElementById("job-message").textContent = status.message;
  const remaining = status["suyuan:remainingSeconds"];
  document.getElementById("job-remaining").textContent =
    remaining === undefined ? "" : `约剩 ${Math.ceil(remaining)} 秒 · about ${Math.ceil(remaining)} s left`;
  if (final.has(status.status)) {
    events.close();
    location.reload();
  }
});
