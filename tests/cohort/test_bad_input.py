"""Tables as they come: each fault gives one clear message with row and column, or is read right."""

import datetime
import zipfile

import openpyxl
import pytest

from canalis.cohort.analysis import analyse
from canalis.cohort.cases import read_cases
from canalis.cohort.shown import show_cell
from canalis.cohort.tables import case_table
from canalis.errors import CohortError

HEADER = "case,preoperative_joa,postoperative_joa,approach\n"
ROWS = "P1,8,12,anterior\nP2,9,14,posterior\nP3,10,12,anterior\nP4,6,9,posterior\n"


def test_a_table_without_case_column_names_what_it_found(write_table):
    path = write_table("key,preoperative_joa\nP1,8\n")
    with pytest.raises(CohortError, match=r"column 'case'.*preoperative_joa and 1 other .*row 1"):
        read_cases(path)


def test_a_misspelt_header_is_named_with_the_right_one(write_table):
    path = write_table("case,preoperatve_joa,postoperative_joa\nP1,8,12\n")
    with pytest.raises(CohortError, match=r"'preoperatve_joa'.*row 1.*'preoperative_joa'"):
        read_cases(path)


def test_a_table_without_scores_names_the_missing_column(write_table):
    with pytest.raises(CohortError, match=r"column 'preoperative_joa'"):
        read_cases(write_table("case,age\nP1,50\n"))


def test_text_in_a_number_is_named_by_row_and_column(write_table):
    path = write_table(HEADER + "P1,8,12,anterior\nP2,nine,14,posterior\n")
    with pytest.raises(
        CohortError, match=r"row 3, column preoperative_joa.*a number.*words that are no number"
    ):
        read_cases(path)


def test_every_bad_cell_is_told_at_once(write_table):
    path = write_table(HEADER + "P1,eight,12,anterior\nP2,9,14,sideways\n")
    with pytest.raises(
        CohortError, match=r"row 2, column preoperative_joa.*row 3, column approach.*found text"
    ):
        read_cases(path)


def test_joa_18_on_a_17_point_scale_is_refused_with_the_other_scale(write_table):
    path = write_table(HEADER + "P1,8,18,anterior\nP2,9,14,posterior\n")
    with pytest.raises(CohortError, match=r"0 to 17.*row 2, column postoperative_joa: found 18.*mJOA18"):
        read_cases(path)
    assert read_cases(path, scale="mJOA18").scale.full == 18


def test_half_points_are_refused_on_mjoa(write_table):
    path = write_table(HEADER + "P1,8.5,12,anterior\n")
    with pytest.raises(CohortError, match=r"steps of 1 on mJOA18"):
        read_cases(path, scale="mjoa 18")
    assert read_cases(path).frame.loc["P1", "joa_change"] == 3.5


def test_a_score_after_without_one_before_is_refused_until_a_policy_is_named(write_table):
    path = write_table(HEADER + "P1,8,12,anterior\nP2,,14,posterior\nP3,9,12,anterior\n")
    with pytest.raises(CohortError, match=r"column preoperative_joa, row 3"):
        read_cases(path)
    cohort = read_cases(path, missing="available")
    assert len(cohort.frame) == 3
    assert any("row 3" in warning for warning in cohort.warnings)
    assert analyse(cohort).get("joa_change").n == 2


def test_a_case_id_twice_is_named_with_both_rows(write_table):
    path = write_table(HEADER + ROWS + "P2,7,9,anterior\n")
    with pytest.raises(CohortError, match=r"row 6, column case.*once.*row 3"):
        read_cases(path)


def test_one_patient_in_a_group_is_told_and_the_rest_is_analysed(write_table):
    analysis = analyse(read_cases(write_table(HEADER + ROWS + "P5,7,9,combined\n")))
    lone = analysis.get("improvement_by_approach.anterior_vs_combined")
    assert lone.p is None
    assert "combined has 1 case" in lone.reasons["p"]
    assert lone.estimate is not None
    assert analysis.get("improvement_by_approach.anterior_vs_posterior").p is not None


def test_scores_that_all_gain_the_same_give_no_t_but_a_reason(write_table):
    analysis = analyse(
        read_cases(
            write_table(HEADER + "P1,8,10,anterior\nP2,8,10,posterior\nP3,8,10,anterior\nP4,8,10,posterior\n")
        )
    )
    change = analysis.get("joa_change")
    assert (change.estimate, change.p) == (2.0, None)
    assert "no variance" in change.reasons["p"]
    assert "no variance" in analysis.get("improvement_by_approach.anterior_vs_posterior").reasons["p"]
    assert "the same in every case" in analysis.get("preoperative_joa_vs_improvement").reasons["p"]


def test_a_table_with_every_score_missing_is_refused(write_table):
    with pytest.raises(CohortError, match=r"score before and after operation, found none"):
        read_cases(write_table(HEADER + "P1,,,anterior\nP2,NA,n/a,posterior\n"))


def test_a_column_with_every_value_missing_is_counted_and_skipped(write_table):
    cohort = read_cases(
        write_table("case,preoperative_joa,postoperative_joa,age\nP1,8,12,\nP2,9,12,\nP3,4,9,\nP4,5,6,\n")
    )
    assert cohort.missing["age_years"] == 4
    assert analyse(cohort).get("age_vs_improvement") is None


def test_missing_values_are_counted_under_each_policy(write_table):
    path = write_table(
        "case,preoperative_joa,postoperative_joa,age\nP1,8,12,50\nP2,9,12,\nP3,4,9,61\nP4,5,,40\n"
    )
    available, complete = read_cases(path), read_cases(path, missing="complete")
    assert available.missing["age_years"] == complete.missing["age_years"] == 1
    assert (len(available.frame), len(complete.frame), complete.n_read) == (4, 2, 4)
    assert any("P2, P4" in warning for warning in complete.warnings)
    with pytest.raises(CohortError, match=r"1 in age_years"):
        read_cases(path, missing="refuse")


def workbook(path, rows, formats=None):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for cell, number_format in (formats or {}).items():
        book.active[cell].number_format = number_format
    book.save(path)
    return path


def test_a_date_that_excel_made_of_a_score_is_named_as_such(tmp_path):
    rows = [["case", "preoperative_joa", "postoperative_joa"], ["P1", datetime.datetime(2026, 5, 7), 12]]
    with pytest.raises(CohortError, match=r"row 2, column preoperative_joa.*found a date"):
        read_cases(workbook(tmp_path / "cases.xlsx", rows))


@pytest.mark.parametrize("cell", ["5-May", "May-07", "2026-05-07", "7/5/2026", "7.5.2026"])
def test_a_date_in_a_csv_number_is_named_without_being_repeated(write_table, cell):
    with pytest.raises(CohortError, match=r"found a date") as told:
        read_cases(write_table(f"case,age,preoperative_joa,postoperative_joa\nP1,{cell},8,12\n"))
    assert cell not in str(told.value)


def test_levels_that_excel_made_a_date_are_told(write_table):
    with pytest.raises(CohortError, match=r"row 2, column opll_levels.*found a date"):
        read_cases(write_table("case,opll_levels,preoperative_joa,postoperative_joa\nP1,5-Mar,8,12\n"))


def test_a_byte_order_mark_changes_nothing(write_table):
    for encoding in ("utf-8-sig", "utf-16"):
        assert list(read_cases(write_table((HEADER + ROWS).encode(encoding))).frame.index) == [
            "P1",
            "P2",
            "P3",
            "P4",
        ]


def test_semicolons_with_decimal_commas_are_read(write_table):
    cohort = read_cases(write_table("case;preoperative_joa;postoperative_joa\nP1;8,5;12\nP2;9;12,5\n"))
    assert cohort.frame["preoperative_joa"].tolist() == [8.5, 9.0]


def test_a_decimal_comma_in_a_comma_file_is_told(write_table):
    with pytest.raises(CohortError, match=r"row 2.*decimal comma"):
        read_cases(write_table("case,preoperative_joa,postoperative_joa\nP1,8,5,12,5\n"))


def test_another_encoding_is_told_with_its_line(write_table):
    with pytest.raises(CohortError, match=r"UTF-8.*line 2"):
        read_cases(
            write_table(
                "case,operation,preoperative_joa,postoperative_joa\nP1,opération,8,12\n".encode("latin-1")
            )
        )


def test_a_workbook_is_read_with_percent_cells_as_percent(tmp_path):
    rows = [
        ["case", "preoperative_joa", "postoperative_joa", "stenosis"],
        ["P1", 8, 12, 0.532],
        ["P2", 9.5, 12, 0.4],
    ]
    cohort = read_cases(workbook(tmp_path / "cases.xlsx", rows, {"D2": "0.0%", "D3": "0%"}))
    assert cohort.frame["stenosis_rate_percent"].tolist() == [53.2, 40.0]
    assert cohort.frame["preoperative_joa"].tolist() == [8.0, 9.5]


def test_one_share_among_percents_is_told_with_its_row(write_table):
    rows = "1,8,12,45\n2,9,13,0.5\n3,7,11,0\n4,8,11,1.5\n"
    with pytest.raises(CohortError, match=r"found 0\.5, which reads as a share, row 3\. Multiply shares"):
        read_cases(write_table("case,preoperative_joa,postoperative_joa,stenosis_rate_percent\n" + rows))


def test_shares_where_percent_is_wanted_are_told(write_table):
    with pytest.raises(CohortError, match=r"percent.*stenosis_rate_percent"):
        read_cases(
            write_table("case,preoperative_joa,postoperative_joa,stenosis\nP1,8,12,0.5\nP2,9,12,0.6\n")
        )


def test_a_formula_without_a_value_is_told_by_its_cell(tmp_path):
    rows = [["case", "preoperative_joa", "postoperative_joa"], ["P1", "=4+4", 12]]
    with pytest.raises(CohortError, match=r"row 2, column B.*formula that was never"):
        read_cases(workbook(tmp_path / "cases.xlsx", rows))


def test_something_else_named_xlsx_is_told(tmp_path):
    path = tmp_path / "cases.xlsx"
    path.write_text("not a workbook")
    with pytest.raises(CohortError, match=r"Excel workbook"):
        read_cases(path)


@pytest.mark.parametrize(
    "header",
    [
        "name",
        "Patient Name",
        "date of birth",
        "DOB",
        "MRN",
        "hospital number",
        "phone",
        "姓名",
        "Geburtsdatum",
    ],
)
def test_a_column_that_names_patients_is_refused(write_table, header):
    with pytest.raises(CohortError, match=r"names a patient"):
        read_cases(write_table(f"case,{header},preoperative_joa,postoperative_joa\nP1,x,8,12\n"))


@pytest.mark.parametrize(
    "case", ["Anna Berg", '"Berg, Anna"', "1961-04-03", "19610403", "a@b.org", "110101196104031234"]
)
def test_a_case_id_that_names_a_patient_is_refused_and_not_repeated(write_table, case):
    with pytest.raises(CohortError, match=r"row 2, column case") as told:
        read_cases(write_table(f"case,preoperative_joa,postoperative_joa\n{case},8,12\n"))
    assert case.strip('"') not in str(told.value)


def test_family_names_as_case_ids_are_refused_and_not_repeated(write_table):
    with pytest.raises(CohortError, match=r"looks like names") as told:
        read_cases(write_table("case,preoperative_joa,postoperative_joa\nMueller,8,12\nTanaka,9,12\n"))
    assert "Tanaka" not in str(told.value)


def test_an_unknown_column_is_named_as_not_used(write_table):
    cohort = read_cases(
        write_table("case,preoperative_joa,postoperative_joa,shoe_size\nP1,8,12,43\nP2,9,12,44\n")
    )
    assert any("shoe_size" in warning for warning in cohort.warnings)


def test_two_headers_of_one_meaning_are_refused(write_table):
    with pytest.raises(CohortError, match=r"one column for age_years, found age and age_years"):
        read_cases(write_table("case,age,age_years,preoperative_joa,postoperative_joa\nP1,5,5,8,12\n"))


def test_items_that_do_not_add_up_are_told(write_table):
    items = ["upper_motor", "lower_motor", "upper_sensory", "lower_sensory", "trunk_sensory", "bladder"]
    header = ",".join(
        ["case", "preoperative_joa", *(f"preoperative_{i}" for i in items), "postoperative_joa"]
    )
    good = read_cases(write_table(f"{header}\nP1,11,2,2,1,2,2,2,14\n"))
    assert good.frame.loc["P1", "preoperative_joa"] == 11
    with pytest.raises(CohortError, match=r"sum of its items, 11, found 12.*row 2, column preoperative_joa"):
        read_cases(write_table(f"{header}\nP1,12,2,2,1,2,2,2,14\n"))
    with pytest.raises(
        CohortError, match=r"0 to 2 in steps of 0.5.*row 2, column preoperative_upper_sensory"
    ):
        read_cases(write_table(f"{header}\nP1,14,2,2,4,2,2,2,14\n"))


def test_a_given_rate_off_the_formula_is_used_and_warned_about(write_table):
    cohort = read_cases(
        write_table("case,preoperative_joa,postoperative_joa,improvement_rate\nP1,11,14,50\nP2,11,14,55\n")
    )
    assert cohort.frame["improvement_rate_percent"].tolist() == [50.0, 55.0]
    assert any("row 3: 55 given, 50.0" in warning for warning in cohort.warnings)


def test_a_full_score_before_operation_has_no_rate_and_counts_in_the_change(write_table):
    analysis = analyse(read_cases(write_table(HEADER + ROWS + "P5,17,16,anterior\n")))
    assert analysis.get("joa_change").n == 5
    assert analysis.get("preoperative_joa_vs_improvement").n == 4
    assert any("full score before operation" in warning for warning in analysis.cohort.warnings)


def test_scales_mixed_in_one_table_are_refused(write_table):
    with pytest.raises(CohortError, match=r"one scale in the whole table"):
        read_cases(write_table("case,scale,preoperative_joa,postoperative_joa\nP1,JOA,8,12\nP2,mJOA,9,12\n"))


def test_the_papers_own_words_are_understood(write_table):
    text = "case,type,double shadow sign,preoperative_joa,postoperative_joa\n"
    text += "P1,Isolated,yes,8,12\nP2,segmented,no,8,12\nP3,Hybrid,1,9,12\nP4,continuous,0,9,12\n"
    frame = read_cases(write_table(text)).frame
    assert frame["opll_type"].tolist() == ["localized", "segmental", "mixed", "continuous"]
    assert frame["double_layer_sign"].tolist() == ["yes", "no", "yes", "no"]


def test_a_case_without_its_preoperative_score_gets_an_empty_place_in_the_tables(write_table):
    cohort = read_cases(write_table(HEADER + ROWS + "P5,,9,posterior\n"), missing="available")
    table = case_table(analyse(cohort))
    assert table.csv[1][-1] == ("P5", "", "")


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("8.5 points", "found '8.5 points'; type the number alone, in the column's unit"),
        ('"8,5"', "found '8,5'; type 8.5, with a point"),
        ('"1,200"', "found '1,200'; type it without a comma"),
    ],
)
def test_a_number_typed_as_people_type_it_is_told_how_to_type_it(write_table, cell, told):
    with pytest.raises(CohortError, match=told):
        read_cases(write_table(HEADER + f"P1,{cell},12,anterior\n"))


def test_names_of_operations_tell_the_approach_and_a_full_stop_is_no_fault(write_table):
    rows = "P1,8,12,ACDF\nP2,9,14,laminoplasty\nP3,10,12,ant.\n"
    with pytest.raises(CohortError, match=r"row 4, column approach.*found text"):
        read_cases(write_table(HEADER + rows))
    frame = read_cases(write_table(HEADER + rows.replace("ant.", "Anterior."))).frame
    assert [*frame["approach"]] == ["anterior", "posterior", "anterior"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Mustermann Max,55,male\nMuster Eva,60,female\n", r"column 'case'.*3 headers.*row 1"),
        (HEADER + "P1,Mustermann Max,12,anterior\n", r"row 2, column preoperative_joa.*no number"),
        (HEADER + "P1,8,12,Mustermann Max\n", r"row 2, column approach.*found text"),
        ("case,opll_levels\nP1,Mustermann Max\n", r"row 2, column opll_levels.*found text"),
        ("case,double_layer_sign\nP1,Mustermann Max\n", r"row 2, column double_layer_sign.*found text"),
        ("Mustermann Max,Mustermann Max\n1,2\n", r"each header once.*row 1, column 1 and 2"),
        ("Mustermann Max Main Street,55\n1,2\n", r"names a patient.*'street'.*row 1"),
    ],
)
def test_a_patients_name_where_it_should_not_be_is_not_repeated(write_table, text, told):
    with pytest.raises(CohortError, match=told) as error:
        read_cases(write_table(text))
    assert "Muster" not in str(error.value)


@pytest.mark.parametrize("text", ["8,5", "12 mm", "-3", "C3-C9", "laminoplasty", "unknown", "+"])
def test_what_can_be_no_name_is_repeated(text):
    assert show_cell(text, number=True) == f"'{text}'"


@pytest.mark.parametrize("text", ["19610403", "+49 170 1234567", "8 Mustermann", "Max", "C3 Max"])
def test_what_could_name_someone_is_not_repeated(text):
    assert text not in show_cell(text)


def damaged(path, part, content):
    """Write a workbook again with one of its parts changed."""
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    parts[part] = content(parts[part])
    with zipfile.ZipFile(path, "w") as book:
        for name, data in parts.items():
            book.writestr(name, data)
    return path


@pytest.mark.parametrize(
    ("part", "content"),
    [
        ("xl/worksheets/sheet1.xml", lambda data: data[: len(data) // 2]),
        ("xl/worksheets/sheet1.xml", lambda data: data.replace(b'r="B2"', b'r="2B"')),
        ("xl/worksheets/sheet1.xml", lambda data: b""),
        ("xl/workbook.xml", lambda data: data[: len(data) // 2]),
        ("xl/styles.xml", lambda data: b"<"),
        ("[Content_Types].xml", lambda data: b"<Types/>"),
    ],
)
def test_a_damaged_workbook_is_told(tmp_path, part, content):
    rows = [["case", "preoperative_joa", "postoperative_joa"], ["P1", 8, 12]]
    path = damaged(workbook(tmp_path / "cases.xlsx", rows), part, content)
    with pytest.raises(CohortError, match=r"Expected an Excel workbook.*cases\.xlsx.*again"):
        read_cases(path)


def test_a_workbook_that_begins_with_a_chart_is_told(tmp_path):
    book = openpyxl.Workbook()
    book.create_chartsheet("Chart", 0).add_chart(openpyxl.chart.BarChart())
    book.save(tmp_path / "cases.xlsx")
    with pytest.raises(CohortError, match=r"sheet of cells, found the chart 'Chart'"):
        read_cases(tmp_path / "cases.xlsx")
