"""The report: its contents, and how it works in a browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from contextlib import chdir
from html import unescape
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from fastsed.cli.report import main
from fastsed.report.catalogue import Catalogue
from fastsed.report.contents import decimals_of, report_on_catalogue
from fastsed.report.page import Page, TableColumn, html_of
from fastsed.report.selection import groups_of

KEYS = ("N_SIM=20", "C_INTERVAL=68", "A_V_STEP=0.5", "VERBOSE=0", "NO_CACHE=1")


@pytest.fixture(scope="module")
def page(example: Path) -> str:
    """The report of the example."""
    with chdir(example):
        assert main(["gst.param", *KEYS, "--figures", "1", "-o", "report.html"]) == 0
    return (example / "report.html").read_text()


def table_of(page):
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])


def test_it_tells_all_of_the_fit(page, results):
    text = unescape(re.sub(r"<[^>]+>", " ", page))
    for finding in results.verdict:
        if "sources at edges" not in finding.text and "outside their own" not in finding.text:
            assert finding.text in text
    assert "A_V_STEP 0.5" in re.sub(r"\s+", " ", text)
    assert "@article{Kriek2009," in text
    assert re.search(r"SHA-256 of gst\.cat: [0-9a-f]{64}", text)
    assert "# " not in text.split("Provenance")[-1][:20]
    assert len(re.findall(r'id="source-\d+"', page)) == len(table_of(page)["figures"]) >= 3
    assert page.count("Distributions of source") == 2 * len(table_of(page)["figures"]), (
        "caption, and text for the blind"
    )


def test_nothing_is_fetched(page):
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    assert "@import" not in page
    assert "url(" not in page.split("<script>")[0].split("</style>")[0]


def test_the_table_is_that_of_the_results(page, results):
    table = table_of(page)
    assert [column["name"] for column in table["columns"]][:2] == ["id", "z"]
    by_name = {column["name"]: column["values"] for column in table["columns"]}
    assert by_name["id"] == [str(one) for one in results.table["id"]]
    for name in ("z", "lmass", "Av", "chi2"):
        np.testing.assert_allclose(by_name[name], results.table[name], rtol=1e-5)


def test_the_same_fit_gives_the_same_page(example, page):
    with chdir(example):
        assert main(["gst.param", *KEYS, "--figures", "1", "-o", "again.html"]) == 0
    assert (example / "again.html").read_text() == page


def test_a_result_has_no_spectra_and_says_so(example, results, tmp_path, capsys):
    with chdir(example):
        assert main(["gst.fout", "-o", str(tmp_path / "fout.html")]) == 0
    page = (tmp_path / "fout.html").read_text()
    assert "it has no spectra, distributions, verdict and settings" in page
    assert "Single sources</h2>" not in page
    assert len(table_of(page)["columns"][0]["values"]) == 12
    with chdir(example):
        assert main(["gst.fout", "N_SIM=3"]) == 2
    assert "keys are of parameter files" in capsys.readouterr().err


def test_errors(example, capsys, monkeypatch):
    monkeypatch.chdir(example)
    for words, status, message in (
        (["none.param"], 1, "none.param: there is no such file"),
        (["gst.param", "word"], 2, "expected KEY=value, found 'word'"),
        (["gst.param", "--figures", "-1"], 2, "a number of sources"),
        (["gst.param", "A_V_STEP=x"], 1, "A_V_STEP"),
        (["gst.param", "-o", "gst.cat/a.html"], 1, "gst.cat"),
    ):
        assert main(words) == status
        assert message in capsys.readouterr().err


def test_decimals():
    assert decimals_of(np.array([1.0, 2.0])) == 0
    assert decimals_of(np.array([0.25, np.nan, 1e3])) == 2
    assert decimals_of(np.array([0.1234], dtype=np.float32).astype(float)) == 4
    assert decimals_of(np.array([1 / 3])) == -1


def test_groups_have_the_extremes_and_no_source_twice():
    chi2 = np.array([3.0, 1.0, np.nan, 9.0, 2.0, 4.0, 5.0, 6.0])
    av = np.array([0.0, 3.0, 3.0, 0.0, 1.0, 1.0, 1.0, 3.0])
    catalogue = Catalogue(
        "x", list("abcdefgh"), {"chi2": chi2, "Av": av}, axes={"Av": np.array([0.0, 1, 2, 3])}
    )
    best, worst, edge, sample = groups_of(catalogue, 1)
    assert (best.rows, worst.rows, edge.rows) == ((1,), (3,), (7,))
    assert "2 sources" in edge.why, "no dust is usual"
    every = [row for group in groups_of(catalogue, 2) for row in group.rows]
    assert len(every) == len(set(every))
    assert 2 not in every
    assert sample.rows[0] not in (1, 3, 7)
    assert groups_of(catalogue, 0) == []


def many_sources(n: int, **columns: np.ndarray) -> Page:
    names = [f"s{i}" for i in range(n)]
    table = [TableColumn("id", "", "Name.", names)]
    return Page("t", "", columns=table + [TableColumn(k, "mag", "M.", v, 2) for k, v in columns.items()])


def test_values_cannot_end_the_script():
    page = Page(
        "</script><b>", "<i>", columns=[TableColumn("id", "", "", ["</script><script>alert(1)</script>"])]
    )
    text = html_of(page)
    assert "<i>" not in text.split("<body>")[1].split('id="data"')[0]
    assert text.count("</script>") == 2
    assert table_of(text)["columns"][0]["values"] == ["</script><script>alert(1)</script>"]


# --- in a browser


def browser() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if shutil.which(name):
            return name
    pytest.skip("there is no Chromium here (Debian: apt-get install chromium)")


def browse(tmp_path: Path, path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [
        browser(),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        "--log-level=0",
    ]
    command += [
        "--no-first-run",
        "--disable-background-networking",
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    command += [*words, path.resolve().as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def run_script(tmp_path: Path, page: str, script: str) -> dict[str, object]:
    """What a script finds in a page, and what the console said."""
    probe = f"""<pre id="probe"></pre><script>
    const names = () => [...document.querySelectorAll("#sources th button")];
    const click = (name) => names().find((one) => one.textContent === name).click();
    const type = (name, text) => {{
      const input = document.querySelector(`#sources input[aria-label="filter ${{name}}"]`);
      input.value = text;
      input.dispatchEvent(new Event("input"));
      return input;
    }};
    const column = (k) => [...document.querySelectorAll("#sources tbody tr")].map((row) => row.cells[k].textContent);
    const count = () => document.getElementById("count").textContent;
    document.getElementById("probe").textContent = JSON.stringify((() => {{ {script} }})());
    </script></body>"""
    path = tmp_path / "probed.html"
    path.write_text(page.replace("</body>", probe))
    done = browse(tmp_path, path, "--dump-dom")
    assert "CONSOLE" not in done.stderr, [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    found = re.search(r'<pre id="probe">(.*?)</pre>', done.stdout, re.DOTALL)
    return json.loads(unescape(found[1]))


def test_it_sorts_and_filters(tmp_path):
    rng = np.random.default_rng(3)
    mass, chi2 = rng.uniform(8, 12, 300).round(2), rng.uniform(0, 9, 300).round(2)
    chi2[[5, 6]] = np.nan
    page = html_of(many_sources(300, lmass=mass, chi2=chi2))
    found = run_script(
        tmp_path,
        page,
        """
        const out = { start: column(0), count: count() };
        click("chi2"); out.up = column(2);
        click("chi2"); out.down = column(2);
        out.sorted = document.querySelectorAll("#sources th[aria-sort]").length;
        type("lmass", "> 11"); out.above = count();
        type("lmass", "9..9.5"); out.between = count();
        type("id", "S29"); out.both = count();
        out.wrong = type("chi2", "much").classList.contains("wrong");
        document.getElementById("clear").click(); out.cleared = count();
        click("id"); out.ids = column(0);
        type("chi2", ">= 0"); out.finite = count();
        document.getElementById("next").click(); out.page = document.getElementById("page").textContent;
        return out;
        """,
    )
    assert found["start"] == [f"s{i}" for i in range(25)]
    assert found["count"] == "300 of 300 sources"
    ordered = np.sort(chi2[np.isfinite(chi2)])
    assert found["up"] == [f"{value:.2f}" for value in ordered[:25]]
    assert found["down"] == [f"{value:.2f}" for value in ordered[::-1][:25]], "what is missing stays last"
    assert found["sorted"] == 1
    between = (mass >= 9) & (mass <= 9.5)
    named = np.array([f"s{i}".startswith("s29") for i in range(300)])
    assert found["above"] == f"{(mass > 11).sum()} of 300 sources"
    assert found["between"] == f"{between.sum()} of 300 sources"
    assert found["both"] == f"{(between & named).sum()} of 300 sources"
    assert found["wrong"] is True
    assert found["cleared"] == "300 of 300 sources"
    assert found["ids"][:12] == [f"s{i}" for i in range(12)], "s2 before s10"
    assert found["finite"] == "298 of 300 sources"
    assert found["page"] == "page 2 of 12"


def test_figures_are_linked(tmp_path, page):
    found = run_script(
        tmp_path,
        page,
        """
        document.getElementById("with-figures").click();
        const links = [...document.querySelectorAll("#sources tbody a")];
        const images = [...document.querySelectorAll("figure img")];
        const broken = links.filter((link) => !document.querySelector(link.getAttribute("href")));
        return { shown: column(0).length, broken: broken.length,
                 titles: document.querySelectorAll("h2").length, alt: images.filter((image) => !image.alt).length };
        """,
    )
    assert found == {"shown": len(table_of(page)["figures"]), "broken": 0, "titles": 7, "alt": 0}


def test_it_prints(tmp_path, page):
    path = tmp_path / "report.html"
    path.write_text(page)
    target = tmp_path / "printed.pdf"
    browse(tmp_path, path, f"--print-to-pdf={target}")
    assert target.read_bytes().startswith(b"%PDF")
    assert target.stat().st_size > 50_000


def test_ten_thousand_sources_make_a_page_of_few_rows(tmp_path):
    rng = np.random.default_rng(1)
    columns = {name: rng.uniform(0, 10, 10_000).round(2) for name in ("z", "lmass", "lsfr", "Av", "chi2")}
    ids = [f"s{i}" for i in range(10_000)]
    page = html_of(report_on_catalogue(Catalogue("many", ids, columns)))
    found = run_script(tmp_path, page, "return { rows: column(0).length, count: count() };")
    assert found == {"rows": 25, "count": "10000 of 10000 sources"}
