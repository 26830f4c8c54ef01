"""A state and its rate of change as arrays, with names for the rows and blocks of rows that the equations use."""

from typing import Final

import numpy as np

from simulators.plant.state import CONTENTS, HEATS, ROW, STATES, VESSELS, Array, rows

_A: Final = CONTENTS.index("mol_a")
_C: Final = CONTENTS.index("mol_c")
_D: Final = CONTENTS.index("mol_d")


class Quantities:
    """Rows of one state array, or of one array of rates; `three` are crystalliser, hold tank, reactor in this order."""

    def __init__(self, width: int) -> None:  # noqa: PLR0915 a list of names, no logic
        array = np.zeros((len(STATES), width))
        self.array: Array = array
        vessels = array[rows("crystalliser_warmth", "carbonate")].reshape(len(VESSELS), len(CONTENTS), width)
        self.contents_three: Array = vessels
        self.warmth_three: Array = vessels[:, 0]
        self.volume_three: Array = vessels[:, 1]
        self.mol_c_three: Array = vessels[:, _C]
        self.mol_d_three: Array = vessels[:, _D]
        self.warmth_two: Array = vessels[:2, 0]  # crystalliser and hold tank
        self.warmth: Array = vessels[2, 0]
        self.volume: Array = vessels[2, 1]
        self.reagents: Array = vessels[2, _A : _A + 2]  # A and B
        self.mol_a, self.mol_b = self.reagents
        self.mol_c: Array = vessels[2, _C]
        self.product_and_acid: Array = vessels[2, _C : _C + 2]
        self.crystalliser_warmth: Array = vessels[0, 0]
        self.crystalliser_volume: Array = vessels[0, 1]
        self.crystalliser_mol_c: Array = vessels[0, _C]
        self.temperature_three: Array = array[rows("crystalliser_temperature", "temperature")]
        self.temperature_two: Array = self.temperature_three[:2]
        self.crystalliser_temperature, _, self.temperature = self.temperature_three
        self.chain: Array = array[rows("temperature", "supply_temperature")]  # contents, wall, jacket, supply
        self.wall_and_jacket: Array = array[rows("wall_temperature", "jacket_temperature")]
        self.jacket_temperature: Array = array[ROW["jacket_temperature"]]
        self.supply_temperature: Array = array[ROW["supply_temperature"]]
        self.mol_nitrogen: Array = array[ROW["mol_nitrogen"]]
        self.agitator_speed: Array = array[ROW["agitator_speed"]]
        self.integrals: Array = array[rows("temperature_integral", "pressure_integral")]
        self.jacket_integral: Array = array[ROW["jacket_integral"]]
        self.moments: Array = array[rows("crystal_moment_0", "crystal_moment_3")]
        self.moments_but_last: Array = self.moments[:3]
        self.moments_but_first: Array = self.moments[1:]
        self.moment_0, self.moment_1, self.moment_2, self.moment_3 = self.moments
        self.pot: Array = array[rows("pot_methanol", "pot_water")]
        self.pot_methanol, self.pot_water = self.pot
        self.still_temperature: Array = array[ROW["still_temperature"]]
        heats = array[rows(HEATS[0], HEATS[-1])]
        self.heats: Array = heats
        self.heat_reactions: Array = heats[:3]
        self.heat_wall, self.heat_room, self.heat_reflux = heats[3:6]
        self.heat_agitator, self.heat_entered, self.heat_left = heats[6:9]
        self.left_three: Array = array[rows("crystalliser_left_warmth", "left_carbonate")].reshape(vessels.shape)
        self.rinsed: Array = array[rows("rinsed_warmth", "rinsed_carbonate")]
        self.product_moments: Array = array[rows("product_moment_0", "product_moment_3")]
        self.distillate: Array = array[rows("distillate_methanol", "distillate_water")]
        self.recovered: Array = array[rows("recovered_methanol", "recovered_water")]
        self.waste: Array = array[rows("waste_methanol", "waste_water")]
        self.total_vapour: Array = array[ROW["total_vapour"]]
        self.pumped: Array = array[rows("total_charged", "total_base")]
        self.total_nitrogen: Array = array[ROW["total_nitrogen"]]
        self.total_cooling: Array = array[ROW["total_cooling"]]
        self.total_heating: Array = array[ROW["total_heating"]]
        self.total_seed: Array = array[ROW["total_seed"]]


class Feeding:
    """Which reactor feeds which line: what comes out of the reactors, summed up for each line."""

    def __init__(self, feeds: tuple[int, ...], lines: int) -> None:
        self.reactors = len(feeds)
        self.lines = lines
        self.straight = feeds == tuple(range(lines))
        self._line_of = np.array(feeds, np.intp)
        self._rounds: list[tuple[Array, Array]] = []
        waiting = list(range(self.reactors))
        while (
            waiting and not self.straight
        ):  # in rounds, so that no line gets two at once: the order is always the same
            taken: dict[int, int] = {}
            for reactor in waiting:
                taken.setdefault(feeds[reactor], reactor)
            self._rounds.append((np.array(list(taken.values()), np.intp), np.array(list(taken), np.intp)))
            waiting = [reactor for reactor in waiting if taken[feeds[reactor]] != reactor]

    def gather(self, out: Array, into: Array) -> None:
        """Write into the lines' columns of `into` the sum of what their reactors let `out`."""
        if self.straight:
            into[...] = out
            return
        into[...] = 0.0
        for reactors, lines in self._rounds:
            into[..., lines] += out[..., reactors]

    def of_line(self, row: Array) -> Array:
        """A line's value, for each of the reactors that feed it."""
        if self.straight:
            return row
        spread = np.ones_like(row)
        spread[: self.reactors] = row[self._line_of]
        return spread
