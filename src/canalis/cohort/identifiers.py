"""Refusing what could name a patient. Messages here never repeat the cell that was found."""

import re
from collections.abc import Iterable
from typing import Final

from canalis.cohort.schema import normal_header
from canalis.errors import CohortError

NAMING_WORDS: Final = {
    "name", "names", "surname", "firstname", "lastname", "forename", "initials", "fullname", "dob",
    "birthday", "birthdate", "born", "mrn", "ssn", "nhs", "passport", "phone", "telephone",
    "mobile", "fax", "email", "mail", "address", "street", "postcode", "zip", "zipcode",
    "insurance", "geburtsdatum", "vorname", "nachname", "nom", "prenom", "apellido", "nombre",
}  # fmt: skip
"""A header that holds one of these words names a patient, unless it is a column of the schema."""

NAMING_PARTS: Final = (
    "patient_name", "patientname", "birth", "hospital_number", "hospital_no", "hospital_id",
    "admission_no", "admission_number", "inpatient_n", "medical_record", "chart_number", "id_card",
    "national_id", "identity_card", "patient_id", "social_security", "姓名", "出生", "身份证", "住院号",
    "病案号", "电话", "地址", "氏名", "生年月日", "カルテ", "住所",
)  # fmt: skip
"""A header that holds one of these pieces names a patient."""

DATE: Final = re.compile(r"(19|20)\d\d[-./]?(0[1-9]|1[0-2])[-./]?(0[1-9]|[12]\d|3[01])")
E_MAIL: Final = re.compile(r"\S+@\S+\.\S+")
LONG_NUMBER: Final = re.compile(r"(?<!\d)\d{15,18}[\dXx]?(?!\d)")
PHONE: Final = re.compile(r"(?<!\d)\+?\d[\d\-() ]{9,14}\d(?!\d)")
NAME_LIKE: Final = re.compile(r"[^\W\d_]+(?:[ ,.'’-]+[^\W\d_]+)*")


def refuse_identifying_headers(headers: Iterable[str], *, file: str) -> None:
    """Refuse a table with a column that would name a patient.

    Parameters
    ----------
    headers : iterable of str
        Headers that are no column of the schema.
    file : str
        Name of the file, for the message.

    Raises
    ------
    CohortError
        At the first such header.
    """
    for header in headers:
        plain = normal_header(header)
        words = [word for word in plain.split("_") if word in NAMING_WORDS]
        words += [part for part in NAMING_PARTS if part in plain]
        if words:
            raise CohortError(
                f"Expected no column that names a patient, found a header with '{words[0]}' in {file}, "
                "row 1. Remove the column; keep only a case id that means nothing outside your list."
            )


def refuse_identifying_case_ids(cases: Iterable[tuple[int, str]], *, file: str) -> None:
    """Refuse case ids that look like a name, a birth date, an identity number or an e-mail address.

    Parameters
    ----------
    cases : iterable of (int, str)
        Row of the file and case id.
    file : str
        Name of the file, for the message.

    Raises
    ------
    CohortError
        With the row, and without the id.
    """
    listed = list(cases)
    words = [row for row, case in listed if NAME_LIKE.fullmatch(case) and len(case) > 2 and case[0].isupper()]
    for row, case in listed:
        named = bool(re.search(r"[ ,]", case)) and bool(NAME_LIKE.fullmatch(case))
        if named or DATE.fullmatch(case) or E_MAIL.search(case) or LONG_NUMBER.search(case):
            raise CohortError(
                f"Expected a case id that is a code, found what looks like a name, a date, an identity "
                f"number or an "
                f"e-mail address in {file}, row {row}, column case. Use codes such as P01."
            )
    if len(words) > len(listed) / 2:
        raise CohortError(
            f"Expected case ids that are codes, found what looks like names in {file}, column case, row "
            f"{words[0]} and {len(words) - 1} more. Use codes such as P01."
        )


def holds_identifier(text: str) -> bool:
    """Tell whether a free text holds an e-mail address, a long number, a telephone number or a date.

    Examples
    --------
    >>> holds_identifier("laminoplasty C3-C7"), holds_identifier("call 13800001111222")
    (False, True)
    """
    return any(pattern.search(text) for pattern in (E_MAIL, LONG_NUMBER, PHONE, DATE))
