"""The table of columns: names, order and units against FAST++'s catalogues, and what goes wrong."""

from __future__ import annotations

import pytest

from fastsed.columns import (
    available_columns,
    default_columns,
    output_columns,
    resolve_columns,
)
from fastsed.errors import InputError
from fastsed.models.axes import history_axes, make_axes
from fastsed.outputs.reference import outputs_markdown
from fastsed.params import Params, read_params
from fastsed.quantities import axis_quantities, property_quantities, sfh_quantities
from tests.outputs.helpers import FOUT_SCENARIOS, read_fout, read_index_kinds


@pytest.mark.parametrize("scenario", FOUT_SCENARIOS)
def test_names_and_units_are_those_of_fastpp(shared, scenario):
    folder = shared / "golden" / scenario
    params = read_params(folder / "fast.param")
    table = read_fout(folder / "expected" / "gal.fout")
    columns = output_columns(params, read_index_kinds(folder, params))
    assert [c.name for c in columns] == [n for n in table.columns if not (n[0] in "lu" and n[1:3].isdigit())]
    units = ", ".join(f"{c.name}: {c.unit}" for c in columns if c.unit)
    assert f"# {units}" == table.header[-3]


def test_properties_are_in_the_order_of_fastpp_grids(shared):
    from fastsed.outputs.chi2grid import read_chi2_grid

    folder = shared / "golden" / "custom_sfh"
    params = read_params(folder / "fast.param")
    grid = read_chi2_grid(folder / "expected/best_chi2/gal_1.chi2.grid")
    assert [c.name for c in property_quantities(params)] == grid.properties
    assert [c.name for c in axis_quantities(params)] == list(grid.axes)


@pytest.mark.parametrize("chosen", [{}, {"my_sfh": "mine"}, {"custom_sfh": "t", "custom_params": ("a", "b")}])
def test_axes_have_the_names_of_the_grid(chosen):
    ranges = {"a": (0.0, 1.0, 0.5), "b": (0.0, 1.0, 0.5)}
    params = Params(metal=(0.02,), custom_ranges=ranges, **chosen)
    names = make_axes(params, history_axes(params)).names
    assert tuple(c.name for c in axis_quantities(params)) == names
    assert set(default_columns(params)) <= set(available_columns(params))
    assert ("la2t" in default_columns(params)) == ("ltau" in names)


def test_properties_come_in_the_order_of_the_contract():
    params = Params(rest_mag=(142, 140), sfh_quantities=("sfr10", "tform50", "tform90"))
    columns = property_quantities(params, {"dn4000": "ratio", "oii": "abs", "hdelta": "abs"})
    assert [c.name for c in columns[9:]] == [
        *("la2t", "M142", "M140", "oii", "hdelta", "dn4000"),
        *("tform50", "tform90", "sfr10"),
    ]
    assert {c.name: c.unit for c in columns}["hdelta"] == "[A]"
    assert {c.name: c.unit for c in columns}["dn4000"] == ""


def test_what_scales_and_what_is_printed_as_logarithm():
    params = Params(
        rest_mag=(140,), sfh_quantities=("tsf", "past_sfr", "sfr10", "brate10", "tquench5", "tform50")
    )
    columns = property_quantities(params, {"oii": "abs"})
    scaled = {c.name for c in columns if c.scales}
    masses = {"lscale", "lmass", "lsfr", "lldust", "lldust_bc", "llion", "lmform"}
    assert scaled == masses | {"M140", "past_sfr", "sfr10"}
    assert {c.name for c in columns if not c.is_log} == {"sscale", "la2t", "M140", "oii"}


def test_sfh_quantities_keep_their_number_and_are_not_doubled():
    (column,) = sfh_quantities(["tform50", "tform50"])
    assert column.name == "tform50"
    assert "50%" in column.meaning
    assert sfh_quantities(["brate10"])[0].meaning == "Birth rate: sfr10 over past_sfr."
    with pytest.raises(InputError, match="SFH_QUANTITIES: unknown quantity 'tfrom50': did you mean 'tformX'"):
        sfh_quantities(["tfrom50"])


def test_output_precision_is_for_all_values():
    columns = available_columns(Params(output_precision=1e-6))
    assert {c.precision for c in columns.values() if c.has_interval} == {1e-6}
    columns = available_columns(Params())
    assert [columns[n].precision for n in ("z", "metal", "sscale", "lmass")] == [1e-4, 1e-4, 1e-3, 1e-2]


def test_names_of_the_user_are_understood():
    available = available_columns(Params())
    assert [c.name for c in resolve_columns(["ID", "av", "ldust", "CHI2"], available)] == [
        "id",
        "Av",
        "lldust",
        "chi2",
    ]


def test_an_unknown_name_is_told_with_the_nearest_one():
    with pytest.raises(
        InputError, match=r"'lmas' is not a column.*Did you mean 'lmass'\?.*Known: id, nmodel"
    ):
        output_columns(Params(output_columns=("id", "lmas")))
    with pytest.raises(InputError, match="'M140' is not a column"):
        output_columns(Params(output_columns=("id", "M140")))


def test_a_column_cannot_be_asked_twice():
    with pytest.raises(InputError, match="lldust asked for more than once"):
        output_columns(Params(output_columns=("ldust", "lldust")))


def test_the_documentation_has_every_column_and_file():
    page = outputs_markdown()
    for name in [*available_columns(Params()), "M<n>", "tform<X>", "brate<X>", "past_sfr", "<parameter>"]:
        assert f"| `{name}` |" in page
    for name in ("fout", "input_res.fit", "sfh", "sims.fits", "chi2.grid"):
        assert f".{name}`" in page or f"`{name}`" in page
    table = [line for line in page.splitlines() if line.startswith("|")]
    assert {line.count(" |") for line in table[:20] if "---" not in line} == {6}
