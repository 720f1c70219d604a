"""The board that conformance is tested on: a generated one, and by hand all that is rare.

Everything a read can stumble over stands here once: ids with slashes, people with two roles,
deleted records, blank and full rows, text that JSON, LIKE and URLs have to escape.
"""

from datetime import UTC, datetime, timedelta

from rosterhub.model.entities import ENTITIES
from rosterhub.ops.sample import rows as sample
from rosterhub.ops.sample.board import board as sample_board
from tests.rosters import Board

Row = dict[str, str]

PEOPLE = 40
ODD = """O'Neil "Q" \\ 100%_é<&> 𠮷"""
"""Text with every character that some layer treats as its own."""
_BEGIN = datetime(2026, 4, 1, tzinfo=UTC)
_GONE = {"status": "tobedeleted"}


def board() -> Board:
    """The rows of each file; every row has a status and a dateLastModified, some of them the same.

    Entities that have no file are rows here too, under their names.
    """
    generated = sample_board(PEOPLE, 1)
    found: Board = {name: [r for _, r in sample.rows(name, generated)] for name in sample.FILES}
    year = found["academicSessions"][0]["sourcedId"]
    district, school = (org["sourcedId"] for org in found["orgs"][:2])
    for name, more in _by_hand(year, district, school).items():
        found.setdefault(name, []).extend(more)
    for name, rows in found.items():
        for number, row in enumerate(rows):
            row.setdefault("status", "active")
            row["dateLastModified"] = _time(name, number)
    return found


def _time(name: str, number: int) -> str:
    """Three rows share each time."""
    at = _BEGIN + timedelta(days=len(name), minutes=number // 3, milliseconds=7 * (number // 3))
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def files(whole: Board) -> Board:
    """What of a board has a CSV file."""
    return {name: rows for name, rows in whole.items() if name in ENTITIES}


def before(files: Board) -> Board:
    """The files as they were before anything was deleted."""
    return {name: [_undeleted(row) for row in rows] for name, rows in files.items()}


def _undeleted(row: Row) -> Row:
    if row["status"] == "active":
        return row
    a_year_ago = row["dateLastModified"].replace("2026", "2025")
    return row | {"status": "active", "dateLastModified": a_year_ago}


def deletions(files: Board) -> Board:
    """The rows that delete a record, by their files."""
    found = {
        name: [row for row in rows if row["status"] == "tobedeleted"]
        for name, rows in files.items()
    }
    return {name: rows for name, rows in found.items() if rows}


def _by_hand(year: str, district: str, school: str) -> Board:
    return {
        "academicSessions": _sessions(year),
        "orgs": [
            _org("west/school@2", "school", district, identifier="B/2", name=f"西{ODD}"),
            _org("school/closed", "school", district, **_GONE),
            _org("dept_1", "department", "west/school@2"),
            _org("lab.1", "ext:laboratory", "dept_1"),
            _org("alone", "national"),
        ],
        **_teaching(year, school),
        **_people(school),
        **_gradebook(year, school),
        **_resources(school),
    }


def _session(sourced_id: str, kind: str, parent: str = "", **more: str) -> Row:
    return {
        "sourcedId": sourced_id,
        "title": f"Session {sourced_id}",
        "type": kind,
        "startDate": "2026-04-01",
        "endDate": "2026-09-30",
        "parentSourcedId": parent,
        "schoolYear": "2026",
        **more,
    }


def _sessions(year: str) -> list[Row]:
    return [
        _session("semester.1", "semester", year),
        _session("term/1", "term", year, title="1学期"),
        _session("term@2", "term", year, endDate="2027-03-31"),
        _session("term/unused", "term"),
        _session("term/of-a-deleted-class", "term", year),
        _session("gp/1", "gradingPeriod", "term/1"),
        _session("gp/2", "gradingPeriod", "term/1", startDate="2026-06-01"),
        _session("gp/old", "gradingPeriod", "term/1", **_GONE),
        _session("gp/year", "gradingPeriod", year),
        _session("quarter", "ext:quarter", "term/1", schoolYear="2027"),
    ]


def _org(sourced_id: str, kind: str, parent: str = "", **more: str) -> Row:
    row = {"sourcedId": sourced_id, "name": f"Org {sourced_id}", "type": kind}
    return row | {"parentSourcedId": parent, **more}


def _class(sourced_id: str, terms: str, school: str = "west/school@2", **more: str) -> Row:
    return {
        "sourcedId": sourced_id,
        "title": f"Class {sourced_id}",
        "courseSourcedId": "course/2",
        "classType": "scheduled",
        "schoolSourcedId": school,
        "termSourcedIds": terms,
        **more,
    }


def _teaching(year: str, school: str) -> Board:
    full = {
        "grades": "P5,P6",
        "classCode": "A/1",
        "location": ODD,
        "subjects": "国語,算数",
        "subjectCodes": "010,020",
        "periods": "1,2,3",
        "metadata.jp.specialNeeds": "true",
        "metadata.vendor.plan.level": "high",
        "metadata.colour": "赤",
    }
    course = {
        "schoolYearSourcedId": year,
        "courseCode": "C-2",
        "grades": "P5,P6",
        "subjects": "国語,算数",
        "subjectCodes": "010,020",
    }
    return {
        "courses": [
            {"sourcedId": "course/2", "title": ODD, "orgSourcedId": "west/school@2", **course},
            {"sourcedId": "course.bare", "title": "Bare", "orgSourcedId": "west/school@2"},
            {"sourcedId": "course.gone", "title": "Gone", "orgSourcedId": school, **_GONE},
        ],
        "classes": [
            _class("class/2@a", "term/1,term@2", **full),
            _class("class/bare", "term@2", grades="P6"),
            _class("class/elsewhere", year, school, subjects="体育", periods="2"),
            _class("class/gone", "term/of-a-deleted-class", **_GONE),
            _class("class/empty", "semester.1", classType="ext:club"),
        ],
        "enrollments": [
            _enrolled("en/1", "both/1", "student", beginDate="2026-04-02", endDate="2026-12-24"),
            _enrolled("en/2", "visitor@x", "student", **{"metadata.jp.ShussekiNo": "12"}),
            _enrolled("en/3", "full.user", "teacher", primary="true"),
            _enrolled("en/4", "left_class", "student", **_GONE),
            _enrolled("en/5", "norole", "administrator", **{"metadata.jp.PublicFlg": "false"}),
            _enrolled("en/6", "both/1", "teacher", "class/bare", primary="false"),
            _enrolled("en/7", "gone/user", "student", **_GONE),
            _enrolled("en/8", "full.user", "student", "class/bare", **_GONE),
            _enrolled("en/9", "norole", "ext:observer", "class/empty"),
            _enrolled("en/10", "both/1", "teacher", "class/elsewhere", school=school),
            _enrolled("en/11", "visitor@x", "student", "class/gone"),
            # Of a class of the other school, so that the two parents of a path count both.
            _enrolled("en/12", "left_class", "student", "class/elsewhere"),
        ],
    }


def _enrolled(
    sourced_id: str,
    user: str,
    role: str,
    class_: str = "class/2@a",
    school: str = "west/school@2",
    **more: str,
) -> Row:
    row = {"sourcedId": sourced_id, "userSourcedId": user, "role": role}
    return row | {"classSourcedId": class_, "schoolSourcedId": school, **more}


def _person(sourced_id: str, **more: str) -> Row:
    return {
        "sourcedId": sourced_id,
        "enabledUser": "true",
        "username": f"{sourced_id}@odd.example",
        "givenName": f"Given {sourced_id}",
        "familyName": "Odd",
        **more,
    }


def _role(sourced_id: str, user: str, role: str, org: str, **more: str) -> Row:
    row = {"sourcedId": sourced_id, "userSourcedId": user, "role": role, "orgSourcedId": org}
    return row | {"roleType": "primary", **more}


def _people(school: str) -> Board:
    west = "west/school@2"
    full = {
        "enabledUser": "false",
        "userIds": "{LDAP:u 1},{Google:a:b/c}",
        "givenName": ODD,
        "middleName": "M",
        "identifier": "0042",
        "email": "Full.User@Odd.example",
        "sms": "+81-90-0000-0000",
        "phone": "100%",
        "agentSourcedIds": "both/1,visitor@x",
        "grades": "P5,P6",
        "userMasterIdentifier": "master-1",
        "resourceSourcedIds": "res/own,res/1",
        "preferredGivenName": "Pref",
        "preferredMiddleName": "PM",
        "preferredFamilyName": "Erred",
        "primaryOrgSourcedId": west,
        "pronouns": "they/them",
        "metadata.jp.kanaGivenName": "フル",
        "metadata.jp.kanaFamilyName": "ユーザー",
        "metadata.jp.kanaMiddleName": "エム",
        "metadata.jp.homeClass": "class/2@a",
        "metadata.jp.kanaPreferredFamilyName": "ヨビナ",
        "metadata.jp.kanaPreferredGivenName": "ナ",
        "metadata.jp.kanaPreferredMiddleName": "カ",
        "metadata.vendor.plan.level": "LOW_1%",
        "metadata.colour": ODD,
    }
    return {
        "users": [
            _person("full.user", **full),
            _person("both/1", primaryOrgSourcedId=school, **{"metadata.colour": "青"}),
            _person("visitor@x", grades="P6", userIds="{Koumu:},{LDAP:u 2}"),
            _person("norole", userIds="{Koumu:}"),
            _person("left_class", familyName="o'odd", email="left@odd.example"),
            _person("gone/user", **_GONE, primaryOrgSourcedId=west),
        ],
        "roles": [
            _role("role/1", "both/1", "teacher", school, beginDate="2026-04-01"),
            _role("role/2", "both/1", "student", west, roleType="secondary"),
            _role("role/3", "visitor@x", "student", school, endDate="2027-03-31"),
            _role("role/4", "full.user", "teacher", west, userProfileSourcedId="profile/1"),
            _role("role/5", "full.user", "ext:clubLeader", "dept_1", roleType="secondary"),
            _role("role/6", "left_class", "student", west, **_GONE),
            _role("role/7", "left_class", "guardian", school),
            _role("role/8", "gone/user", "student", west, **_GONE),
        ],
        "userProfiles": [
            {
                **_profile("profile/1", "full.user", "apps.example"),
                "applicationId": "app/1",
                "description": ODD,
            },
            _profile("profile/2", "full.user", "other.example"),
            _profile("profile/3", "both/1", "apps.example", **_GONE),
            _profile("profile/4", "gone/user", "apps.example", **_GONE),
        ],
        "demographics": [
            {
                "sourcedId": "full.user",
                "birthDate": "1990-02-28",
                "sex": "ext:undisclosed",
                "americanIndianOrAlaskaNative": "false",
                "asian": "true",
                "blackOrAfricanAmerican": "false",
                "nativeHawaiianOrOtherPacificIslander": "false",
                "white": "false",
                "demographicRaceTwoOrMoreRaces": "true",
                "hispanicOrLatinoEthnicity": "false",
                "countryOfBirthCode": "JP",
                "stateOfBirthAbbreviation": "13",
                "cityOfBirth": ODD,
                "publicSchoolResidenceStatus": "01652",
            },
            {"sourcedId": "both/1"},
            {"sourcedId": "gone/user", "sex": "male", **_GONE},
        ],
    }


def _profile(sourced_id: str, user: str, vendor: str, **more: str) -> Row:
    return {
        "sourcedId": sourced_id,
        "userSourcedId": user,
        "profileType": "LearningPortal",
        "vendorId": vendor,
        "credentialType": "SSO",
        "username": f"{sourced_id}@portal.example",
        **more,
    }


def _line_item(sourced_id: str, class_: str, category: str, school: str, **more: str) -> Row:
    return {
        "sourcedId": sourced_id,
        "title": f"Line item {sourced_id}",
        "assignDate": "2026-05-01T00:00:00.000Z",
        "dueDate": "2026-05-08T14:59:59.999Z",
        "classSourcedId": class_,
        "categorySourcedId": category,
        "academicSessionSourcedId": "term/1",
        "schoolSourcedId": school,
        **more,
    }


def _result(sourced_id: str, line_item: str, student: str, **more: str) -> Row:
    return {
        "sourcedId": sourced_id,
        "lineItemSourcedId": line_item,
        "studentSourcedId": student,
        "scoreStatus": "submitted",
        "scoreDate": "2026-05-09",
        **more,
    }


def _scale(sourced_id: str, class_: str, org: str, values: str, **more: str) -> Row:
    return {
        "sourcedId": sourced_id,
        "title": f"Scale {sourced_id}",
        "type": "grades",
        "orgSourcedId": org,
        "courseSourcedId": "course/2",
        "classSourcedId": class_,
        "scoreScaleValue": values,
        **more,
    }


def _gradebook(year: str, school: str) -> Board:
    west = "west/school@2"
    return {
        "categories": [
            {"sourcedId": "cat/1", "title": "宿題", "weight": "0.25"},
            {"sourcedId": "cat/2", "title": ODD},
            {"sourcedId": "cat/3", "title": "Unused", "weight": "12.50"},
            {"sourcedId": "cat/4", "title": "Only of a deleted line item", "weight": "-1"},
        ],
        "lineItems": [
            _line_item(
                "li/1",
                "class/2@a",
                "cat/1",
                west,
                description=ODD,
                resultValueMin="0",
                resultValueMax="100.5",
            ),
            _line_item("li/2", "class/2@a", "cat/2", west, dueDate="2026-06-01T00:00:00.000Z"),
            _line_item("li/3", "class/bare", "cat/2", west, academicSessionSourcedId=year),
            _line_item("li/4", "class/2@a", "cat/4", west, **_GONE),
            _line_item("li/5", "class/elsewhere", "cat/1", school, resultValueMax="10"),
        ],
        "results": [
            _result(
                "result/1",
                "li/1",
                "both/1",
                scoreStatus="fully graded",
                score="72.25",
                comment=ODD,
                textScore="B",
                classSourcedId="class/2@a",
                inProgress="false",
                incomplete="false",
                late="true",
                missing="false",
            ),
            _result("result/2", "li/1", "visitor@x", score="100", scoreDate="2026-05-10"),
            _result("result/3", "li/2", "both/1", score="-3.5"),
            _result("result/4", "li/3", "both/1", textScore="A+"),
            _result("result/5", "li/2", "visitor@x", scoreStatus="ext:lost", **_GONE),
            _result("result/6", "li/4", "both/1", score="0"),
            _result("result/7", "li/5", "visitor@x", score="7.0", missing="true"),
        ],
        "scoreScales": [
            _scale("scale/1", "class/2@a", west, "{90-100:A},{0-89:B}"),
            _scale("scale/2", "class/bare", school, "{1:よい},{2:},{3: }"),
            _scale("scale/3", "class/2@a", west, "{x:y:z}", **_GONE),
            _scale("scale/4", "class/2@a", west, "{1:}"),
        ],
        "lineItemLearningObjectiveIds": [
            _objective("lo/1", "lineItem", "li/1", "case", "c/1"),
            _objective("lo/2", "lineItem", "li/1", "case", 'c "2"'),
            _objective("lo/3", "lineItem", "li/1", "unknown", "u1"),
            _objective("lo/4", "lineItem", "li/1", "ext:mine", "m", **_GONE),
            _objective("lo/5", "lineItem", "li/2", "case", "c/1"),
        ],
        "resultLearningObjectiveIds": [
            _objective("rlo/1", "result", "result/1", "case", "c/1", score="1.5", textScore="ok"),
            _objective("rlo/2", "result", "result/1", "case", "c/2"),
            _objective("rlo/3", "result", "result/1", "unknown", "u", textScore=ODD),
            _objective("rlo/4", "result", "result/2", "case", "c/2", score="2"),
        ],
        "lineItemScoreScales": [
            _of_scale("lis/1", "lineItem", "li/1", "scale/2", title="T"),
            _of_scale("lis/2", "lineItem", "li/1", "scale/1"),
            _of_scale("lis/3", "lineItem", "li/2", "scale/1", **_GONE),
            _of_scale("lis/4", "lineItem", "li/3", "scale/2"),
        ],
        "resultScoreScales": [
            _of_scale("rs/1", "result", "result/1", "scale/1"),
            _of_scale("rs/2", "result", "result/1", "scale/2"),
        ],
        **_assessments(),
    }


def _objective(
    sourced_id: str, of: str, owner: str, source: str, objective: str, **more: str
) -> Row:
    row = {"sourcedId": sourced_id, f"{of}SourcedId": owner, "source": source}
    return row | {"learningObjectiveId": objective, **more}


def _of_scale(sourced_id: str, of: str, owner: str, scale: str, **more: str) -> Row:
    return {"sourcedId": sourced_id, f"{of}SourcedId": owner, "scoreScaleSourcedId": scale, **more}


def _assessments() -> Board:
    line, result = "assessmentLineItem", "assessmentResult"
    return {
        "assessmentLineItems": [
            {
                "sourcedId": "ali/1",
                "title": ODD,
                "description": "全国学力調査",
                "classSourcedId": "class/2@a",
                "scoreScaleSourcedId": "scale/1",
                "resultValueMin": "0",
                "resultValueMax": "50",
            },
            {
                "sourcedId": "ali/2",
                "title": "Part",
                "parentAssessmentLineItemSourcedId": "ali/1",
                **_GONE,
            },
        ],
        "assessmentResults": [
            {
                "sourcedId": "ar/1",
                "assessmentLineItemSourcedId": "ali/1",
                "studentSourcedId": "both/1",
                "score": "49.5",
                "textScore": "great",
                "scoreDate": "2026-06-01",
                "scoreScaleSourcedId": "scale/1",
                "scorePercentile": "99.9",
                "scoreStatus": "fully graded",
                "comment": ODD,
                "inProgress": "false",
                "incomplete": "true",
                "late": "false",
                "missing": "true",
            },
            {
                "sourcedId": "ar/2",
                "assessmentLineItemSourcedId": "ali/2",
                "studentSourcedId": "visitor@x",
                "scoreDate": "2026-06-02",
                "scoreStatus": "exempt",
            },
        ],
        "assessmentLineItemLearningObjectiveIds": [
            _objective("alo/1", line, "ali/1", "case", "c/1"),
            _objective("alo/2", line, "ali/1", "unknown", "u"),
        ],
        "assessmentResultLearningObjectiveIds": [
            _objective("arlo/1", result, "ar/1", "case", "c/1", score="3", textScore="t"),
            _objective("arlo/2", result, "ar/1", "case", "c/2"),
        ],
    }


def _resource(sourced_id: str, **more: str) -> Row:
    return {"sourcedId": sourced_id, "vendorResourceId": f"vendor {sourced_id}", **more}


def _resources(school: str) -> Board:
    full = {
        "title": ODD,
        "roles": "student,ext:pilot",
        "importance": "primary",
        "vendorId": "v/1",
        "applicationId": "a/1",
    }
    return {
        "resources": [
            _resource("res/1", **full),
            _resource("res/2", importance="secondary", roles="teacher"),
            _resource("res/own"),
            _resource("res/gone", **_GONE),
        ],
        "classResources": [
            {"sourcedId": "cr/1", "classSourcedId": "class/2@a", "resourceSourcedId": "res/2"},
            {
                "sourcedId": "cr/2",
                "title": "T",
                "classSourcedId": "class/2@a",
                "resourceSourcedId": "res/1",
            },
            {
                "sourcedId": "cr/3",
                "classSourcedId": "class/bare",
                "resourceSourcedId": "res/1",
                **_GONE,
            },
        ],
        "courseResources": [
            {"sourcedId": "cor/1", "courseSourcedId": "course/2", "resourceSourcedId": "res/gone"},
        ],
        "userResources": [
            {
                "sourcedId": "ur/1",
                "userSourcedId": "full.user",
                "orgSourcedId": school,
                "classSourcedId": "class/2@a",
                "resourceSourcedId": "res/2",
            },
            {"sourcedId": "ur/2", "userSourcedId": "full.user", "resourceSourcedId": "res/1"},
            {"sourcedId": "ur/3", "userSourcedId": "both/1", "resourceSourcedId": "res/1"},
            {
                "sourcedId": "ur/4",
                "userSourcedId": "visitor@x",
                "resourceSourcedId": "res/2",
                **_GONE,
            },
        ],
    }
