"""BatchML to our YAML: what is taken, what is left out by name, and what is not safe to read."""

import pytest
from ruamel.yaml import YAML

from domain.errors import Refused
from service.cli import main
from service.cli.recipes import draft_text
from service.config.batchml import MOST_DEPTH, drafts, parse_xml
from service.config.build import load
from tests.unit.service.test_configuration import GOOD


def parameter(id_: str, inner: str, unit: str = "degC") -> str:
    return f"<Parameter><ID>{id_}</ID><Value><UnitOfMeasure>{unit}</UnitOfMeasure></Value>{inner}</Parameter>"


NOR = "<NORLow>58</NORLow><NORHigh>62</NORHigh>"
VALIDATED = "<ValidatedLow>55</ValidatedLow><ValidatedHigh>65</ValidatedHigh><Study>VR-12</Study>"


def element(kind: str, id_: str, inner: str = "") -> str:
    return f"<RecipeElement><ID>{id_}</ID><RecipeElementType>{kind}</RecipeElementType>{inner}</RecipeElement>"


def link(one: str, other: str) -> str:
    return (
        f"<Link><ID>{one}-{other}</ID><FromID><FromIDValue>{one}</FromIDValue></FromID>"
        f"<ToID><ToIDValue>{other}</ToIDValue></ToID></Link>"
    )


def document(inner: str, version: str = "7") -> bytes:
    return (
        '<?xml version="1.0"?><BatchInformation xmlns="http://www.mesa.org/xml/B2MML"><MasterRecipe>'
        f"<ID>MR-1</ID><Version>{version}</Version><Header><ProductID>API-1</ProductID></Header>{inner}"
        "</MasterRecipe></BatchInformation>"
    ).encode()


DOSE = element("Phase", "dose", f"<Formula>{parameter('R101.TT', NOR + VALIDATED)}</Formula>")
CHARGE = element("Phase", "charge")
WHOLE = document(
    element(
        "UnitProcedure",
        "reaction",
        element("Operation", "react", DOSE + CHARGE + link("charge", "dose")) + element("Operation", "cool down"),
    )
)


def draft(xml: bytes):
    (found,) = drafts(parse_xml(xml, "r.xml"))
    return found


def test_a_recipe_is_taken_in_the_order_of_its_links():
    found = draft(WHOLE)

    assert (found.product, found.version) == ("API-1", 7)
    assert found.procedure == [
        {
            "unit_procedure": "reaction",
            "operations": [
                {"operation": "react", "phases": ["charge", "dose"]},
                {"operation": "cool down", "phases": []},
            ],
        }
    ]
    assert found.phases == {
        "charge": {},
        "dose": {"TT": {"unit": "degC", "nor": [58.0, 62.0], "validated": [55.0, 65.0], "study": "VR-12"}},
    }
    assert found.left == []


def test_the_draft_is_a_configuration_that_is_understood(tmp_path):
    """Beside the sections of a plant, in place of its own recipe."""
    one = document(element("UnitProcedure", "reaction", element("Operation", "react", DOSE + CHARGE)))
    (tmp_path / "recipe.yaml").write_text(draft_text("r.xml", [draft(one)]), encoding="utf-8")
    text = GOOD[: GOOD.index("recipes:")] + GOOD[GOOD.index("holds:") :]
    (tmp_path / "thermowell.yaml").write_text("include: [recipe.yaml]\n" + text, encoding="utf-8")

    recipe = load(tmp_path / "thermowell.yaml").rulebook.recipes["API-1"]

    assert recipe.phases["dose"].parameters["TT"].study == "VR-12"
    assert recipe.procedure[0].phases == ("dose", "charge")


def test_the_kind_of_a_limit_may_be_a_sub_type():
    inner = "<ParameterSubType>PAR</ParameterSubType><Low>50</Low><High>70</High>"
    found = draft(document(element("Phase", "dose", parameter("TT", inner))))

    assert found.phases["dose"] == {"TT": {"unit": "degC", "par": [50.0, 70.0]}}


@pytest.mark.parametrize(
    ("inner", "left"),
    [
        (element("Phase", "dose", parameter("STIR", "<Value>80</Value>", "rpm")), "Parameter 'STIR' of phase 'dose'"),
        (element("Phase", "dose", "<Comment>by hand</Comment>"), "Comment 'by hand' of phase 'dose'"),
        (element("Transition", "T1"), "RecipeElement 'T1' is a 'transition'"),
        (
            parameter("BatchSize", "<Value>100</Value>", "kg"),
            "Parameter 'BatchSize' of 'API-1': it belongs to no phase",
        ),
        (element("Phase", "dose") + element("Phase", "dose"), "Phase 'dose' is there already"),
        (element("UnitProcedure", "u", parameter("TT", NOR)), "Parameter 'TT' of 'u': only those of phases"),
        (
            element("UnitProcedure", "u", "<EquipmentRequirement><ID>R101</ID></EquipmentRequirement>"),
            "EquipmentRequirement 'R101' of 'u': name our units",
        ),
        (CHARGE + DOSE + link("charge", "dose") + link("dose", "charge"), "Link 'charge-dose' branches or loops"),
        ("<EquipmentTrain>north</EquipmentTrain>", "EquipmentTrain 'north' of 'API-1'"),
        (
            element("Phase", "dose", parameter("TT", NOR) + parameter("TT", VALIDATED, "K")),
            "Parameter 'TT' of phase 'dose': it is in 'K', its other ranges in 'degC'",
        ),
    ],
)
def test_what_is_not_taken_is_told_by_name_and_line(inner, left):
    assert any(left in line and line.startswith("line 1: ") for line in draft(document(inner)).left)


def test_a_version_that_is_no_number_is_told():
    assert "Version 'B' of 'API-1'" in draft(document(CHARGE, version="B")).left[0]


@pytest.mark.parametrize(
    "xml",
    [
        b'<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><r>&b;</r>',
        b'<!DOCTYPE r [<!ENTITY f SYSTEM "file:///etc/passwd">]><r>&f;</r>',
        b'<!DOCTYPE r SYSTEM "http://127.0.0.1/x.dtd"><r/>',
        b'<!DOCTYPE r [<!ENTITY % p SYSTEM "http://127.0.0.1/x"> %p;]><r/>',
        b"<!DOCTYPE r><r/>",
    ],
)
def test_document_types_and_entities_are_refused(xml):
    with pytest.raises(Refused, match="not safe"):
        parse_xml(xml, "r.xml")


@pytest.mark.parametrize(
    ("xml", "why"),
    [
        (b"<r>" * (MOST_DEPTH + 2), "too deep"),
        (b"<r><r></r>", "no element found"),
        (b"", "no element found"),
        (b"<r>&nbsp;</r>", "undefined entity"),
        (b"not XML", "syntax error"),
    ],
)
def test_what_is_no_recipe_is_refused_with_its_place(xml, why):
    with pytest.raises(Refused, match=rf"r\.xml:\d+.*{why}"):
        parse_xml(xml, "r.xml")


def test_a_file_without_a_recipe_is_refused():
    with pytest.raises(Refused, match="no MasterRecipe"):
        drafts(parse_xml(b"<r/>", "r.xml"))


def test_the_command_writes_the_draft_and_tells_what_it_left(tmp_path, capsys):
    (tmp_path / "r.xml").write_bytes(document(CHARGE + "<EquipmentTrain>north</EquipmentTrain>"))
    arguments = ["recipes", "import", str(tmp_path / "r.xml"), "--output", str(tmp_path / "r.yaml")]

    with pytest.raises(SystemExit) as ended:
        main(arguments)
    told = capsys.readouterr().err
    with pytest.raises(SystemExit) as again:
        main(arguments)

    assert (ended.value.code, again.value.code) == (0, 2)
    assert "not taken: line 1: EquipmentTrain 'north' of 'API-1'" in told
    text = (tmp_path / "r.yaml").read_text(encoding="utf-8")
    assert "# not taken: line 1: EquipmentTrain 'north'" in text
    assert YAML(typ="safe").load(text)["recipes"]["API-1"]["version"] == 7


def test_an_end_that_is_outside_its_range_stays_so():
    ends = "<NORLow>&gt; 58</NORLow><NORHigh>&lt;= 62</NORHigh><ValidatedHighExclusive>65</ValidatedHighExclusive>"
    found = draft(document(element("Phase", "dose", f"<Formula>{parameter('R101.TT', ends)}</Formula>")))

    assert found.phases["dose"]["TT"] == {"unit": "degC", "nor": ["> 58", 62.0], "validated": [None, "< 65"]}


def test_an_end_that_nobody_can_read_is_told_and_its_range_not_halved():
    ends = "<NORLow>58</NORLow><NORHigh>warm</NORHigh>"
    found = draft(document(element("Phase", "dose", f"<Formula>{parameter('R101.TT', ends)}</Formula>")))

    assert found.phases["dose"] == {}
    assert any("'warm' is no limit" in line for line in found.left)
