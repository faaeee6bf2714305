"""Kernel: four interleaved float32 fields at one place and time, eight corners at two times, four numbers a load.

Numba does not turn the 64 scattered loads of an evaluation into vector loads by itself; written in LLVM's own terms
they are sixteen. Each sum is a fused multiply-add, which IEEE 754 rounds the same on every machine.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_LANES = ir.VectorType(ir.FloatType(), 4)
_MASK = ir.VectorType(ir.IntType(32), 4)
_NONE = ir.Constant(_LANES, ir.Undefined)
FIELDS = 4


class _Lanes:
    """Emit arithmetic on four lanes."""

    def __init__(self, builder: Any, data: Any) -> None:
        self.builder, self.data = builder, data
        kind = ir.FunctionType(_LANES, [_LANES] * 3)
        self._fma = cgutils.get_or_insert_function(builder.module, kind, "llvm.fma.v4f32")

    def shuffle(self, lanes: Any, order: tuple[int, ...]) -> Any:
        return self.builder.shuffle_vector(lanes, _NONE, ir.Constant(_MASK, list(order)))

    def splat(self, number: Any) -> Any:
        return self.shuffle(self.builder.insert_element(_NONE, number, ir.Constant(ir.IntType(32), 0)), (0,) * 4)

    def load(self, at: Any) -> Any:
        place = self.builder.bitcast(self.builder.gep(self.data, [at]), ir.PointerType(_LANES))
        return self.builder.load(place, align=4, typ=_LANES)

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        return self.builder.call(self._fma, [a, b, c])

    def between(self, weight: Any, low: Any, high: Any) -> Any:
        return self.fma(weight, self.builder.fsub(high, low), low)

    def corners(self, base: Any, step: tuple[Any, Any], weights: tuple[Any, ...]) -> Any:
        """Return the weighted sum over the four corners of a cell from index ``base`` on."""
        add = self.builder.add
        above = add(base, step[1])
        near = self.fma(weights[1], self.load(add(base, step[0])), self.builder.fmul(weights[0], self.load(base)))
        far = self.fma(weights[3], self.load(add(above, step[0])), self.builder.fmul(weights[2], self.load(above)))
        return self.builder.fadd(near, far)


@intrinsic
def trilinear(
    typing_context: Any, values: Any, base: Any, step: Any, weights: Any
) -> tuple[Any, Callable[[Any, Any, Any, Any], Any]]:
    """Return four numbers, float32, linear in x, y, level and time.

    Parameters
    ----------
    values : float32, flat (time, y, x, level, 4)
    base : uint64, index of the first number at the earlier time, lower row, lower column and lower level
    step : uint64 three times, numbers from one column, row and time to the next
    weights : float32 six times: of the corners (row, column) 00, 01, 10, 11, of the upper level and the later time
    """
    signature = types.UniTuple(types.float32, FIELDS)(values, base, step, weights)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        lanes = _Lanes(builder, context.make_array(signature.args[0])(context, builder, args[0]).data)
        along_x, along_y, later = cgutils.unpack_tuple(builder, args[2], 3)
        *corner, level, time = (lanes.splat(w) for w in cgutils.unpack_tuple(builder, args[3], 6))
        upper = ir.Constant(args[1].type, FIELDS)

        def at_time(at: Any) -> Any:
            low = lanes.corners(at, (along_x, along_y), tuple(corner))
            high = lanes.corners(builder.add(at, upper), (along_x, along_y), tuple(corner))
            return lanes.between(level, low, high)

        found = lanes.between(time, at_time(args[1]), at_time(builder.add(args[1], later)))
        parts = [builder.extract_element(found, ir.Constant(ir.IntType(32), k)) for k in range(FIELDS)]
        return context.make_tuple(builder, signature.return_type, parts)

    return signature, codegen
