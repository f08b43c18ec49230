"""Make share/FILTER.NAMES: the descriptions and curves of share/FILTER.RES.latest in, a short name for each out.

usage: python scripts/build_filter_names.py

A name is instrument_band in lower case; space telescopes and surveys stand before the instrument. Where the database
holds a band more than once, the curve in use today has the short name, the others say what is different.
"""

from __future__ import annotations

import re
import sys

from fastsed.atomic import atomic_write
from fastsed.inputs.filters import normalised, read_throughputs
from fastsed.paths import share_dir

DATABASE = share_dir() / "FILTER.RES.latest"
TARGET = share_dir() / "FILTER.NAMES"
HEADER = (
    "# Short names of the filter curves in FILTER.RES.latest, made by scripts/build_filter_names.py.\n"
    "# number name mean_wavelength[A] width[A] description\n"
)

# curves whose description does not tell all
BY_NUMBER = {
    38: "wfi_u360",
    39: "wfi_u35",
    64: "musyc_j",
    65: "musyc_h",
    66: "musyc_k",
    67: "musyc_ja",
    68: "musyc_ha",
    69: "musyc_ka",
    85: "flamingos_j",
    86: "flamingos_h",
    87: "flamingos_ks",
    106: "wfi_u50_extended",
    108: "combo17_u_old",
    112: "gabasch_h",
    113: "capak_megacam_u",
    119: "capak_flamingos_ks",
    120: "galex_fuv",
    121: "galex_nuv",
    133: "newfirm_k_noatm",
    134: "newfirm_k",
    223: "moircs_y",
    224: "moircs_j",
    225: "moircs_h",
    226: "moircs_ks",
    227: "mosaic_u",
    228: "mosaic_u_noatm",
    229: "lris_g",
    230: "lris_g_noatm",
    231: "lris_rs",
    232: "lris_rs_noatm",
    261: "wfcam_z",
    262: "wfcam_y",
    263: "wfcam_j",
    264: "wfcam_h",
    265: "wfcam_k",
    283: "suprimecam_ic",
    284: "suprimecam_z_fdccd",
    285: "suprimecam_rc",
    291: "wfi_v89",
    292: "wfi_rc162",
    321: "vista_nb118",
    331: "herschel_spire_250",  # called 200, but its mean wavelength is 250 micron
    348: "megacam_u9302",
    406: "flamingos2_kblue",
    407: "flamingos2_kred",
    408: "megacam_u9301_betoule13",
    409: "megacam_u9302_atm",
    410: "euclid_vis",
}

# pattern of the description, name; \1... are put in, in lower case
RULES = [
    (r"hst/ACS_update_sep07/wfc_(\w+)_t77", r"hst_acs_\1_t77"),  # before July 2006
    (r"hst/ACS_update_sep07/wfc_(\w+)_t81", r"hst_acs_\1"),
    (r"hst/(nicmos|wfpc2)_(\w+)\.dat", r"hst_\1_\2"),
    (r"HST/wfpc2,1,(\w+),", r"hst_wfpc2_\1"),
    (r"hst/wfc3/\w+/(\w+)\.dat", r"hst_wfc3_\1"),
    (r"HST/WFC3_\w+\.(\w+)", r"hst_wfc3_\1"),
    (r"(?:hst/)?wfc3,\w+,(\w+)", r"hst_wfc3_\1"),
    (r"IRAC/irac_tr(\d)", r"spitzer_irac_ch\1"),
    (r"mips/(\d+)", r"spitzer_mips_\1"),
    (r"herschel/(\w+)/(\d+)", r"herschel_\1_\2"),
    (r"scuba2/(\d+)", r"scuba2_\1"),
    (r"DEEP2-VVDS/mould(\w)_", r"cfh12k_\1"),
    (r"KPNO/IRIMKPRIME", r"irim_kprime"),
    (r"KPNO/IRIM(\w)", r"irim_\1"),
    (r"ESO-NTT/SOFI_(\w+)\.dat", r"sofi_\1"),
    (r"ESO/isaac_(\w+)\.res", r"isaac_\1"),
    (r"ESO/fors1_(\w)_bess", r"fors1_\1_bessell"),
    (r"ESO/fors1_(\w)_gunn", r"fors1_\1_gunn"),
    (r"ESO/vimos_(\w)\.res", r"vimos_\1"),
    (r"ESO/VIMOS/(\w)\.dat", r"vimos_\1"),
    (r"ESO/wfi_BB_([A-Z]\d+)_", r"wfi_\1"),
    (r"musyc/(\w+)_(1030|1255|cdfs|hdfs)_tot", r"musyc_\1_\2"),
    (r"COSMOS/SDSS_filter_(\w)", r"cosmos_sdss_\1"),
    (r"COSMOS/CFHT_filter_(\w+)", r"cosmos_cfht_\1"),
    (r"COSMOS/SUBARU_filter_(\w+)\.txt", r"cosmos_subaru_\1"),
    (r"CAPAK_v2/(\w)_subaru", r"capak_subaru_\1"),
    (r"megaprime/cfht_mega_(\w)_", r"megacam_\1"),
    (r"NOAO/steidel_(\w+?)_", r"steidel_\1"),
    (r"UKIDSS/(\w)(?:_qe)?\.txt", r"uds_\1"),
    (r"NEWFIRM/(\w+)_atmos", r"newfirm_\1"),
    (r"REST_FRAME/Bessel_(\w+)\.dat", r"bessell_\1"),
    (r"REST_FRAME/Johnson-Cousins_(\w)", r"johnson_cousins_\1"),
    (r"REST_FRAME/Johnson-Morgan_(\w)", r"johnson_morgan_\1"),
    (r"REST_FRAME/maiz-apellaniz_Johnson_(\w)", r"maiz_apellaniz_\1"),
    (r"REST_FRAME/Gunn_(\w)", r"gunn_\1"),
    (r"REST_FRAME/(UV\d+)", r"rest_\1"),
    (r"RestUV/Tophat_(\d+)_(\d+)", r"tophat_\1_\2"),
    (r"SDSS/(\w)\.dat", r"sdss_\1"),
    (r"2MASS/(\w)\.res", r"2mass_\1"),
    (r"COMBO17/C17_(\w+)\.res", r"combo17_\1"),
    (r"Subaru_MB/(\w+)\.dat", r"suprimecam_\1"),
    (r"WIRCam/cfh\d+_(\w+)\.txt", r"wircam_\1"),
    (r"WISE/RSR-(\w+)", r"wise_\1"),
    (r"FOURSTAR/(\w+?)_cam", r"fourstar_\1"),
    (r"VISTA/(\w+?)_system", r"vista_\1"),
    (r"VLT/hawki_(\w)_", r"hawki_\1"),
    (r"VLT/VST\.OCam\.(?:sdss\.)?(\w)\.dat", r"omegacam_\1"),
    (r"IMACS/sloan_(\w)_", r"imacs_\1"),
    (r"DECam/DECam_(\w)", r"decam_\1"),
    (r"MOSFIRE/mosfire_(\w+)\.txt", r"mosfire_\1"),
    (r"MOSFIRE/(\w+?)_center", r"mosfire_\1"),
    (r"niriss-(\w+) primary_area", r"jwst_niriss_\1_old"),
    (r"(\w+)_HSC\.txt", r"hsc_\1"),
    (r"PAN-STARRS/PS1\.(\w)", r"ps1_\1"),
    (r"jwst_miri_f0(\w+)", r"jwst_miri_f\1"),
    (r"(jwst_\w+?)(?:_trans\.fits)? ", r"\1"),
    (r"Euclid_NISP\.(\w)", r"euclid_nisp_\1"),
    (r"synthetic_(\w) ", r"synthetic_\1"),
    (r"lsst_total_(\w)", r"lsst_\1"),
    (r"(roman_\w+)_sci02", r"\1"),
]


def name_of(number: int, description: str) -> str:
    """Short name of a curve."""
    if number in BY_NUMBER:
        return BY_NUMBER[number]
    for pattern, template in RULES:
        match = re.match(pattern, description)
        if match:
            return match.expand(template).lower()
    sys.exit(f"no rule names filter {number}: {description}")


def main() -> None:
    curves = read_throughputs(DATABASE)
    names = [name_of(curve.number, curve.name) for curve in curves]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        sys.exit(f"names of more than one filter: {', '.join(repeated)}")
    with atomic_write(TARGET) as f:
        f.write(HEADER)
        for curve, name in zip(curves, names, strict=True):
            description = " ".join(curve.name.split())
            f.write(
                f"{curve.number} {name} {normalised(curve).mean_wavelength:.6g} {curve.width:.4g} {description}\n"
            )
    print(f"{TARGET}: {len(names)} names")


if __name__ == "__main__":
    main()
