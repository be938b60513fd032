"""What somebody or something looks like: a number picks one value of each row of a table, and no two numbers alike."""

from math import prod

from PIL import ImageColor

Value = str | float
Color = tuple[float, float, float]


class Looks:
    """All looks that a table of factors allows, numbered in a scrambled order.

    Attributes:
        factors: the table, a row of values for each name.
    """

    def __init__(self, **factors: tuple[Value, ...]) -> None:
        """Take the rows of the table."""
        self.factors = factors
        self._count = prod(len(values) for values in factors.values())

    def __len__(self) -> int:
        """Return how many looks there are."""
        return self._count

    def look(self, number: int, seed: int = 0) -> dict[str, Value]:
        """Pick the values of look `number`: of each row one.

        The number is scrambled one to one before its digits choose the values, so two numbers always differ in a
        factor, and neighbors differ in many. Another seed, another order.

        Raises:
            ValueError: when there is no such look.
        """
        if not 0 <= number < len(self):
            raise ValueError(f"identity={number}; 0 .. {len(self) - 1} is wanted")
        code = self._scramble(number, seed)
        while code >= len(self):  # walk on: still one to one
            code = self._scramble(code, seed)
        chosen: dict[str, Value] = {}
        for name, values in self.factors.items():
            code, digit = divmod(code, len(values))
            chosen[name] = values[digit]
        return chosen

    def _scramble(self, number: int, seed: int) -> int:
        """A one-to-one map of the numbers of so many bits: odd multiplications and xor-shifts, all invertible."""
        mask = (1 << len(self).bit_length()) - 1
        for constant in (0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35, 0x27D4EB2F):
            number = ((number ^ (seed & mask)) * constant + constant) & mask
            number ^= number >> 13
        return number


def rgb(color: Value, light: float = 1.0) -> Color:
    """Turn "#rrggbb" into red, green and blue, 0 .. 255, times `light`."""
    red, green, blue = ImageColor.getrgb(str(color))[:3]
    return light * red, light * green, light * blue


def blend(a: Color, b: Color, share: float) -> Color:
    """Mix two colors: `share` of b, the rest of a."""
    return a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1]), a[2] + share * (b[2] - a[2])
