"""What everything above the connectors relies on: one class per port, the same for every server.

A new product is held against this by adding its world to the conftest.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta

import pytest

from connectors.errors import Conflict, Doubtful, Misconfigured, Missing, Refused, Unreadable
from connectors.ports import BEGINNING, Cursor, Place, Position, Relation, Wanted
from mappings.model import Kind

ABSENT = "f" * 32
OWN_IDS = iter(f"{n:032x}" for n in range(0xA000, 0xB000))


def feed(world, kind, limit: int, after: Cursor = BEGINNING):
    """All records of a feed behind a place, and its pages."""
    position, records, pages = Position(after), [], []
    while position is not None:
        page = world.remote.changes_since(kind, position, limit)
        records += page.records
        pages.append(page)
        position = page.next
        assert len(pages) < 500, "a pass must end"
    return records, pages


def journal(world, limit: int, after: Cursor = BEGINNING):
    """All notes of the journal behind a place, and its pages."""
    position, notes, pages = Position(after), [], []
    while position is not None:
        page = world.remote.journal_since(position, limit)
        notes += page.notes
        pages.append(page)
        position = page.next
        assert len(pages) < 500, "a pass must end"
    return notes, pages


def walk(world, limit: int, place: Place | None = None, wanted: Wanted | None = None):
    """All records of a walk over the world's kind behind a place, and its stretches."""
    place, records, stretches = place or Place(), [], []
    while place is not None:
        stretch = world.remote.walk(world.kind, place, limit, wanted or Wanted())
        records += stretch.records
        stretches.append(stretch)
        place = stretch.next
        assert len(stretches) < 500, "a walk must end"
    return records, stretches


class RemoteSystemContract:
    """What both ports promise. A subclass names the world."""

    @pytest.fixture
    def world(self):
        raise NotImplementedError

    # -- clock

    def test_the_servers_clock_is_utc_and_not_in_its_future(self, world):
        before = world.remote.server_time()
        world.tick(2)
        (id,) = world.make(1)
        assert before.tzinfo is UTC
        assert (
            before
            <= world.remote.read(world.kind, id).created_at
            <= world.remote.server_time() + timedelta(seconds=2)
        )

    def test_start_may_be_called_again(self, world):
        world.remote.start()
        world.remote.start()

    # -- feeds

    @pytest.mark.parametrize("limit", [1, 3, 1000])
    def test_a_feed_brings_every_record_once_in_keyset_order(self, world, limit):
        ids = world.make(4)
        world.tick(2)
        records, _ = feed(world, world.kind, limit)
        places = [Cursor(record.updated_at, record.id) for record in records]
        assert places == sorted(places)
        assert len({record.id for record in records}) == len(records)
        assert set(ids) <= {record.id for record in records}

    def test_rows_of_the_very_second_may_come_twice_but_never_not(self, world):
        ids = world.make(4)
        records, _ = feed(world, world.kind, 3)
        assert set(ids) <= {record.id for record in records}

    def test_a_feed_goes_on_behind_its_place(self, world):
        world.make(3)
        records, _ = feed(world, world.kind, 1000)
        middle = records[-2]
        rest, _ = feed(world, world.kind, 1000, Cursor(middle.updated_at, middle.id))
        assert [record.id for record in rest] == [records[-1].id]

    def test_a_place_without_an_id_brings_its_whole_second(self, world):
        world.make(3)
        records, _ = feed(world, world.kind, 1000)
        last = records[-1].updated_at
        again, _ = feed(world, world.kind, 1000, Cursor(last))
        assert [r.id for r in again] == [r.id for r in records if r.updated_at >= last]

    def test_a_page_was_asked_for_before_anything_that_came_later(self, world):
        page = world.remote.changes_since(world.kind, Position(BEGINNING), 5)
        world.tick(1)
        (id,) = world.make(1)
        assert page.asked_at <= world.remote.read(world.kind, id).updated_at
        assert page.asked_at.microsecond == 0

    def test_a_change_comes_again_in_the_feed(self, world):
        (id,) = world.make(1)
        place = Cursor(world.remote.read(world.kind, id).updated_at, id)
        world.tick(2)
        world.remote.update(world.kind, id, {"short_description": "moved"})
        records, _ = feed(world, world.kind, 10, place)
        assert [r.get("short_description") for r in records if r.id == id] == ["moved"]

    def test_a_hidden_record_is_told_from_one_that_is_not_there(self, world):
        hidden, shown = world.make(2)
        assert not world.remote.hides(world.kind, "id", hidden)
        world.hide([hidden])
        assert world.remote.hides(world.kind, "id", hidden)
        assert not world.remote.hides(world.kind, "id", shown)
        assert not world.remote.hides(world.kind, "id", ABSENT)
        assert not world.remote.hides(world.kind, "number", "a^b")

    def test_hidden_rows_are_stepped_over_and_counted(self, world):
        world.tick(5)
        place = Cursor(world.remote.server_time())
        world.tick(5)
        ids = world.make(5)
        places = sorted((r.updated_at, r.id) for r in world.remote.read_many(world.kind, ids))
        hidden, shown = [id for _, id in places[:4]], places[4][1]
        world.hide(hidden)
        records, pages = feed(world, world.kind, 2, place)
        assert shown in {record.id for record in records}
        assert not {record.id for record in records} & set(hidden)
        assert sum(page.hidden for page in pages) >= 4

    def test_a_row_that_does_not_parse_is_set_aside_and_the_others_come(self, world):
        good, bad = world.make(2)
        world.spoil(bad)
        records, pages = feed(world, world.kind, 1000)
        assert good in {record.id for record in records}
        (unreadable,) = [one for page in pages for one in page.unreadable]
        assert (unreadable.id, unreadable.field, unreadable.kind) == (bad, "version", world.kind)
        assert unreadable.stamp is not None

    def test_a_server_that_ignores_the_query_stops_the_feed(self, world):
        world.make(2)
        world.remote.start()
        world.ignore_queries()
        with pytest.raises(Misconfigured):
            world.remote.changes_since(
                world.kind, Position(Cursor(world.remote.server_time() + timedelta(days=1))), 50
            )

    # -- walks

    @pytest.mark.parametrize("limit", [1, 3, 1000])
    def test_a_walk_brings_every_record_once_in_the_order_of_ids(self, world, limit):
        ids = world.make(4)
        records, _ = walk(world, limit)
        found = [record.id for record in records]
        assert found == sorted(set(found))
        assert set(ids) <= set(found)

    def test_a_walk_goes_on_behind_an_id(self, world):
        world.make(3)
        records, _ = walk(world, 1000)
        rest, _ = walk(world, 1000, Place(records[-2].id))
        assert [record.id for record in rest] == [records[-1].id]

    def test_a_walk_leaves_out_the_states_that_it_does_not_want(self, world):
        world.make(2)
        every, _ = walk(world, 1000)
        state = every[0].state
        rest, _ = walk(world, 1000, wanted=Wanted(frozenset({state})))
        assert [r.id for r in rest] == [r.id for r in every if r.state != state]

    def test_a_walk_keeps_what_begins_as_wanted_whatever_its_state(self, world):
        first, second = world.make(2)
        world.remote.update(world.kind, first, {"short_description": "ours:1"})
        world.remote.update(world.kind, second, {"short_description": "theirs:1"})
        state = world.remote.read(world.kind, first).state
        wanted = Wanted(frozenset({state}), ("short_description", "ours:"))
        records, _ = walk(world, 1000, wanted=wanted)
        found = {record.id for record in records}
        assert first in found
        assert second not in found

    def test_a_walk_steps_over_hidden_rows_and_counts_them(self, world):
        world.make(5)
        records, _ = walk(world, 1000)
        hidden = [record.id for record in records[:-1]]
        world.hide(hidden)
        shown, stretches = walk(world, 2)
        assert [record.id for record in shown] == [records[-1].id]
        assert sum(stretch.hidden for stretch in stretches) == len(hidden)

    def test_a_walk_sets_aside_what_does_not_parse(self, world):
        good, bad = world.make(2)
        world.spoil(bad)
        records, stretches = walk(world, 1000)
        assert good in {record.id for record in records}
        assert bad in {one.id for stretch in stretches for one in stretch.unreadable}

    def test_a_walk_stops_at_a_server_that_ignores_where_it_is(self, world):
        world.make(3)
        records, _ = walk(world, 1000)
        world.ignore_queries()
        with pytest.raises(Misconfigured):
            walk(world, 1000, Place(records[-1].id))

    # -- reads

    def test_a_read_by_id_equals_what_the_feed_brought(self, world):
        (id,) = world.make(1)
        records, _ = feed(world, world.kind, 1000)
        assert world.remote.read(world.kind, id) == next(record for record in records if record.id == id)

    @pytest.mark.parametrize("id", [ABSENT, "no-id", "../../x", ""], ids=["absent", "word", "path", "empty"])
    def test_what_is_not_there_is_missing(self, world, id):
        with pytest.raises(Missing):
            world.remote.read(world.kind, id)

    def test_many_are_read_in_the_order_asked(self, world):
        ids = world.make(3)
        records = world.remote.read_many(world.kind, [ids[2], ABSENT, ids[0]])
        assert [record.id for record in records] == [ids[2], ids[0]]

    def test_a_busy_server_is_asked_again(self, world):
        (id,) = world.make(1)
        world.be_busy_once()
        assert world.remote.read(world.kind, id).id == id

    def test_records_are_found_by_a_field_and_checked(self, world):
        first, second, _ = world.make(3)
        for id in (first, second):
            world.remote.update(world.kind, id, {"short_description": f"needle {first}"})
        found = world.remote.find(world.kind, "short_description", f"needle {first}")
        assert {record.id for record in found} == {first, second}
        assert [r.created_at for r in found] == sorted(r.created_at for r in found)

    def test_a_search_tells_of_a_record_that_matches_and_does_not_parse(self, world):
        good, bad = world.make(2)
        for id in (good, bad):
            world.remote.update(world.kind, id, {"short_description": f"needle {good}"})
        world.spoil(bad)
        with pytest.raises(Unreadable, match=bad):
            world.remote.find(world.kind, "short_description", f"needle {good}")

    @pytest.mark.parametrize("value", ["nowhere", "a^b", "", "javascript:gs.now()"])
    def test_what_matches_nothing_finds_nothing(self, world, value):
        world.make(1)
        assert world.remote.find(world.kind, "short_description", value) == ()

    def test_records_are_found_by_many_values_or_their_beginnings(self, world):
        ids = world.make(3)
        for id, text in zip(ids, (f"n {ids[0]} a", f"n {ids[0]} b", f"N {ids[0]}"), strict=True):
            world.remote.update(world.kind, id, {"short_description": text})
        find = world.remote.find_many
        wanted = [f"w{number}" for number in range(45)] + [f"n {ids[0]} b", f"n {ids[0]} a", "a^b", ""]
        assert {one.id for one in find(world.kind, "short_description", wanted)} == set(ids[:2])
        begun = find(world.kind, "short_description", [*wanted[:45], f"n {ids[0]}"], begins=True)
        assert {one.id for one in begun} == set(ids[:2])
        assert find(world.kind, "short_description", []) == ()

    # -- in the order of creation

    @pytest.mark.parametrize("limit", [1, 2, 1000])
    def test_records_created_in_a_period_come_once_in_order(self, world, limit):
        world.tick(5)
        since = world.remote.server_time()
        world.tick(5)
        ids = world.make(3)
        world.tick(5)
        until = max(one.created_at for one in world.remote.read_many(world.kind, ids)) + timedelta(seconds=1)
        later = world.make(1)
        world.remote.update(world.kind, ids[0], {"short_description": "changed since"})
        position, found = Position(Cursor(since)), []
        while position is not None:
            page = world.remote.created_in(world.kind, position, until, limit)
            assert page.total is not None and page.total >= len(page.records)
            found += page.records
            position = page.next
        assert [(one.created_at, one.id) for one in found] == sorted(
            (one.created_at, one.id) for one in found
        )
        assert set(ids) <= {one.id for one in found}
        assert len({one.id for one in found}) == len(found)
        assert not set(later) & {one.id for one in found}

    # -- writes

    def test_an_update_returns_the_record_as_it_then_stands(self, world):
        (id,) = world.make(1)
        before = world.remote.read(world.kind, id)
        written = world.remote.update(world.kind, id, {"short_description": "öçß \U0001f600 ^"})
        assert written.get("short_description") == "öçß \U0001f600 ^"
        assert written.version == before.version + 1
        assert world.remote.read(world.kind, id) == written

    def test_an_update_that_changes_nothing_leaves_the_version(self, world):
        (id,) = world.make(1)
        once = world.remote.update(world.kind, id, {"short_description": "same"})
        assert world.remote.update(world.kind, id, {"short_description": "same"}).version == once.version

    def test_a_write_to_what_is_not_there_is_missing(self, world):
        with pytest.raises(Missing):
            world.remote.update(world.kind, ABSENT, {"short_description": "x"})

    def test_a_write_whose_answer_was_lost_is_doubtful_and_may_stand(self, world):
        (id,) = world.make(1)
        world.lose_answers("PATCH")
        with pytest.raises(Doubtful):
            world.remote.update(world.kind, id, {"short_description": "perhaps"})
        assert world.remote.read(world.kind, id).get("short_description") == "perhaps"

    # -- notes

    def test_a_note_is_found_by_its_marker_on_its_record_only(self, world):
        id, other = world.make(2)
        world.remote.write_note(world.kind, id, f"WO1 is Assigned\n[syncd:1:note:{id}]")
        (note,) = world.remote.notes(world.kind, id, f"[syncd:1:note:{id}]")
        assert note.text.startswith("WO1 is Assigned")
        assert note.author
        assert world.remote.notes(world.kind, other, "[syncd:1:note:") == ()

    def test_notes_come_oldest_first_and_move_the_version(self, world):
        (id,) = world.make(1)
        before = world.remote.read(world.kind, id).version
        for text in ("one [m]", "two [m]"):
            world.tick(1)
            world.remote.write_note(world.kind, id, text)
        assert [note.text for note in world.remote.notes(world.kind, id, "[m]")] == ["one [m]", "two [m]"]
        assert world.remote.read(world.kind, id).version == before + 2

    @pytest.mark.parametrize("limit", [1, 3, 1000])
    def test_the_journal_brings_every_note_once_in_keyset_order(self, world, limit):
        ids = world.make(2)
        world.tick(2)
        for id in ids:
            world.remote.write_note(world.kind, id, f"typed on {id}")
        world.tick(2)
        notes, _ = journal(world, limit)
        places = [Cursor(note.created_at, note.id) for note in notes]
        assert places == sorted(set(places))
        found = {note.record: note for note in notes if note.text == f"typed on {note.record}"}
        assert set(ids) <= found.keys()
        assert all(note.kind is world.kind and note.author for note in found.values())

    def test_the_journal_goes_on_behind_its_place(self, world):
        (id,) = world.make(1)
        for text in ("one", "two"):
            world.tick(2)
            world.remote.write_note(world.kind, id, text)
        one = next(note for note in journal(world, 10)[0] if (note.record, note.text) == (id, "one"))
        behind, _ = journal(world, 10, Cursor(one.created_at, one.id))
        assert [note.text for note in behind if note.record == id] == ["two"]

    def test_hidden_notes_are_stepped_over_and_counted(self, world):
        (id,) = world.make(1)
        world.tick(5)
        place = Cursor(world.remote.server_time())
        for number in range(4):
            world.tick(2)
            world.remote.write_note(world.kind, id, f"note {number}")
        notes, _ = journal(world, 10, place)
        world.hide([note.id for note in notes[:3]])
        left, pages = journal(world, 2, place)
        assert [note.text for note in left] == ["note 3"]
        assert sum(page.hidden for page in pages) >= 3

    def test_a_note_that_does_not_parse_is_set_aside_and_the_others_come(self, world):
        good, bad = world.make(2)
        world.tick(5)
        place = Cursor(world.remote.server_time())
        world.tick(2)
        world.remote.write_note(world.kind, good, "good")
        world.remote.write_note(world.kind, bad, "bad")
        spoilt = next(note.id for note in journal(world, 10, place)[0] if note.record == bad)
        world.spoil_note(spoilt)
        notes, pages = journal(world, 10, place)
        assert [note.text for note in notes] == ["good"]
        (unreadable,) = [one for page in pages for one in page.unreadable]
        assert (unreadable.id, unreadable.field, unreadable.kind) == (spoilt, "record", world.kind)

    def test_a_server_that_ignores_the_query_stops_the_journal(self, world):
        (id,) = world.make(1)
        world.remote.write_note(world.kind, id, "of another day")
        world.ignore_queries()
        tomorrow = Cursor(world.remote.server_time() + timedelta(days=1))
        with pytest.raises(Misconfigured):
            world.remote.journal_since(Position(tomorrow), 50)

    def test_a_note_that_was_dropped_silently_is_refused(self, world):
        (id,) = world.make(1)
        world.tick(60)
        world.drop_notes()
        with pytest.raises(Refused):
            world.remote.write_note(world.kind, id, "unheard")

    def test_a_note_whose_answer_was_lost_is_doubtful_and_found(self, world):
        (id,) = world.make(1)
        world.lose_answers("PATCH")
        with pytest.raises(Doubtful):
            world.remote.write_note(world.kind, id, "perhaps [m]")
        assert len(world.remote.notes(world.kind, id, "[m]")) == 1

    # -- references

    def test_a_reference_is_found_by_its_name(self, world):
        name = f"Lighthouse of {world.kind}"
        id = world.make_location(name)
        assert world.remote.resolve("location", "name", name) == id
        assert world.remote.resolve("location", "id", id) == id

    def test_a_reference_that_is_not_there_is_none(self, world):
        assert world.remote.resolve("location", "name", "Atlantis") is None

    def test_an_ambiguous_name_is_refused(self, world):
        for _ in range(2):
            world.make_location("Twin Towers")
        with pytest.raises(Refused):
            world.remote.resolve("location", "name", "Twin Towers")


class TestOrderManagement(RemoteSystemContract):
    """The port of Order Management."""

    @pytest.fixture
    def world(self, om):
        return om

    @pytest.mark.parametrize(
        "kind", [Kind.CUSTOMER_ORDER, Kind.ORDER_LINE, Kind.DOMAIN_ORDER, Kind.ORDER_TASK], ids=str
    )
    def test_each_kind_has_a_feed_of_readable_records(self, world, kind):
        world.make(2)
        records, pages = feed(world, kind, 50)
        assert all(record.kind is kind for record in records)
        assert not [one for page in pages for one in page.unreadable]

    # -- relations

    @staticmethod
    def relation(world, row: str = "", type_: str = "Contains::Task of") -> Relation:
        parent, child = world.make(2)
        return Relation(row or next(OWN_IDS), parent, child, type_)

    def test_a_relation_stands_once_it_is_made(self, world):
        relation = self.relation(world)
        assert not world.remote.related(relation)
        world.remote.relate(relation)
        assert world.remote.related(relation)
        assert not world.remote.related(replace(relation, parent=relation.child, child=relation.parent))

    def test_the_same_relation_makes_no_second_row(self, world):
        relation = self.relation(world)
        world.remote.relate(relation)
        with pytest.raises(Conflict):
            world.remote.relate(relation)

    def test_a_row_under_another_id_counts_too(self, world):
        relation = self.relation(world)
        world.remote.relate(relation)
        assert world.remote.related(replace(relation, row=next(OWN_IDS)))

    def test_a_relation_whose_answer_was_lost_is_doubtful_and_found(self, world):
        relation = self.relation(world)
        world.remote.related(relation)
        world.lose_answers("POST")
        with pytest.raises(Doubtful):
            world.remote.relate(relation)
        assert world.remote.related(relation)

    def test_a_type_that_is_not_there_is_refused_by_name(self, world):
        relation = self.relation(world, type_="Sings::Sung by")
        with pytest.raises(Refused, match="no type 'Sings::Sung by'"):
            world.remote.relate(relation)

    def test_a_relation_may_have_no_type(self, world):
        relation = self.relation(world, type_="")
        world.remote.relate(relation)
        assert world.remote.related(relation)

    def test_a_relation_table_that_our_user_may_not_use_is_a_refusal(self, world):
        relation = self.relation(world)
        world.refuse("task_rel_task")
        with pytest.raises(Refused):
            world.remote.related(relation)


class TestFieldService(RemoteSystemContract):
    """The port of Field Service."""

    @pytest.fixture
    def world(self, fsm):
        return fsm

    def test_a_work_order_stands_under_the_id_that_we_chose(self, world):
        id = next(OWN_IDS)
        correlation = f"syncd:1:{ABSENT}:install:1:1"
        record = world.remote.create_work_order(
            id, {"correlation_id": correlation, "short_description": "Install"}
        )
        assert (record.id, record.get("correlation_id")) == (id, correlation)
        assert world.remote.read(Kind.WORK_ORDER, id).get("short_description") == "Install"
        assert id in {found.id for found in world.remote.find(Kind.WORK_ORDER, "correlation_id", correlation)}

    def test_the_same_id_makes_no_second_one(self, world):
        id = next(OWN_IDS)
        first = world.remote.create_work_order(id, {"short_description": "first"})
        with pytest.raises(Conflict):
            world.remote.create_work_order(id, {"short_description": "second"})
        assert world.remote.read(Kind.WORK_ORDER, id).get("short_description") == first.get(
            "short_description"
        )

    def test_a_create_whose_answer_was_lost_is_doubtful_and_found_by_its_id(self, world):
        world.remote.start()
        id = next(OWN_IDS)
        world.lose_answers("POST")
        with pytest.raises(Doubtful):
            world.remote.create_work_order(id, {"short_description": "perhaps"})
        assert world.remote.read(Kind.WORK_ORDER, id).get("short_description") == "perhaps"

    def test_an_id_that_the_server_chose_instead_comes_back(self, world):
        world.remote.start()
        world.choose_ids()
        id = next(OWN_IDS)
        record = world.remote.create_work_order(id, {"short_description": "theirs"})
        assert record.id != id
        assert world.remote.read(Kind.WORK_ORDER, record.id) == record

    def test_a_cancel_shows_its_state_and_its_reason(self, world):
        (id,) = world.make(1)
        assert world.remote.cancel_work_order(id, "order cancelled [m]").state == "canceled"
        assert [note.text for note in world.remote.notes(Kind.WORK_ORDER, id, "[m]")] == [
            "order cancelled [m]"
        ]

    def test_tasks_have_a_feed_of_readable_records(self, world):
        world.make(1)
        records, pages = feed(world, Kind.WORK_TASK, 50)
        assert all(record.kind is Kind.WORK_TASK for record in records)
        assert not [one for page in pages for one in page.unreadable]

    # -- history

    @staticmethod
    def told(world, id):
        """A record as it was, and as it is after two more changes."""
        before = world.remote.read(Kind.WORK_ORDER, id)
        for priority in ("1", "2"):
            world.tick(1)
            world.remote.update(Kind.WORK_ORDER, id, {"priority": priority})
        world.remote.cancel_work_order(id, "enough")
        return before, world.remote.read(Kind.WORK_ORDER, id)

    def test_a_history_tells_each_version_between_two_sightings(self, world):
        first, other = world.make(2)
        between = [self.told(world, first), self.told(world, other)]
        found = world.remote.history(Kind.WORK_ORDER, between, ("state", "priority"))
        assert set(found) == {first, other}
        was, now = between[0]
        versions = found[first]
        assert [one.get("priority") for one in versions][:2] == ["1", "2"]
        assert versions[0].state == was.state
        assert (versions[-1].state, versions[-1].state_label) == ("canceled", now.state_label)
        assert [one.version for one in versions][:2] == [was.version + 1, was.version + 2]
        assert was.updated_at < versions[0].updated_at < versions[1].updated_at <= now.updated_at

    def test_a_history_tells_nothing_of_fields_that_nobody_asks_for(self, world):
        (id,) = world.make(1)
        before, now = self.told(world, id)
        assert world.remote.history(Kind.WORK_ORDER, [(before, now)], ("short_description",)) == {}

    def test_what_is_older_than_the_first_sighting_is_not_told(self, world):
        (id,) = world.make(1)
        _, now = self.told(world, id)
        assert world.remote.history(Kind.WORK_ORDER, [(now, now)], ("priority",)) == {}

    def test_a_history_that_our_user_may_not_read_says_so(self, world):
        (id,) = world.make(1)
        between = [self.told(world, id)]
        world.refuse("sys_audit")
        with pytest.raises(Misconfigured):
            world.remote.history(Kind.WORK_ORDER, between, ("priority",))
