"""The suites notice what they are there to notice: each faulty connector fails the test that is about its fault."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from ragstone.testing import suites

FAULTY = tuple(map(Path(__file__).with_name, ("faulty.py", "faulty_checks.py")))

CAUGHT = {
    "Forgetful": "test_an_upsert_replaces_the_vector",
    "Merging": "test_a_revoked_permission_is_gone_at_once",
    "Afterwards": "test_a_filter_runs_before_the_best_are_taken",
    "Ignoring": "test_only_what_the_principals_may_see_is_found",
    "Undeclared": "test_an_operator_means_what_the_language_says",
    "Backwards": "test_the_nearest_comes_first_with_its_cosine",
    "Distances": "test_the_nearest_comes_first_with_its_cosine",
    "Positional": "test_every_method_takes_the_context_by_keyword",
    "Undying": "test_closing_twice_is_harmless",
    "Shortened": "test_each_of_many_is_found",
    "Lengthless": "test_a_vector_of_another_length_is_refused",
    "Blocking": "test_nothing_that_blocks_runs_on_the_event_loops_thread",
    "Losing": "test_what_was_written_is_there_when_it_is_opened_again",
    "Unsized": "test_a_row_for_each_text",
    "Cutting": "test_a_text_beyond_the_window_is_refused",
    "Shuffled": "test_a_row_depends_on_its_own_text_alone",
    "Framed": "test_compact_rows_are_those_of_the_token_vectors",
    "Counting": "test_bm25_ranks",
    "Lingering": "test_what_was_deleted_counts_in_no_score",
    "Folding": "test_a_term_is_taken_as_it_is",
    "BestFirst": "test_a_score_depends_on_its_own_text_alone",
    "Relative": "test_a_score_depends_on_its_own_text_alone",
    "Blanking": "test_a_score_for_each_text",
    "Windowed": "test_a_text_beyond_any_window_has_a_score",
    "Sharing": "test_calls_may_come_at_once",
    "Distant": "test_the_text_that_answers_scores_above_the_one_that_does_not",
    "Dropping": "test_the_pieces_of_a_text_are_in_order_not_blank_and_fit",
    "Overlong": "test_the_embedder_takes_every_piece",
    "Restless": "test_equal_documents_are_cut_equally",
    "Silent": "test_the_deltas_make_up_the_text_and_the_last_carries_the_completion",
    "Stripping": "test_the_deltas_make_up_the_text_and_the_last_carries_the_completion",
    "Scanty": "test_samples_are_as_many_as_were_asked_for",
    "Repeating": "test_the_usage_of_samples_adds_up",
    "Patient": "test_a_deadline_that_has_passed_is_honoured",
    "Roomless": "test_rooms_are_apart",
    "Textual": "test_keys_and_values_are_any_bytes",
    "Keeping": "test_a_new_value_takes_the_place_of_the_old_one_with_all_that_belonged_to_it",
    "Gathering": "test_a_new_value_takes_the_place_of_the_old_one_with_all_that_belonged_to_it",
    "Prefixed": "test_a_tag_is_taken_whole",
    "Unordered": "test_keys_of_a_tag_come_the_oldest_first",
    "Everlasting": "test_what_had_its_time_is_gone",
    "Foreseeing": "test_what_a_clock_made_that_was_put_back_since_is_not_there",
    "Generous": "test_one_owner_has_a_lease_at_a_time",
    "Fenceless": "test_who_comes_back_late_keeps_and_releases_nothing_of_anothers",
    "Strict": "test_who_comes_back_late_may_keep_what_nobody_else_makes",
    "Releasing": "test_who_comes_back_late_keeps_and_releases_nothing_of_anothers",
    "Undead": "test_someone_takes_over_from_an_owner_who_died",
    "FirstIn": "test_what_was_not_used_for_longest_makes_room",
    "Bulging": "test_all_rooms_share_the_space",
    "Counted": "test_figures_add_up",
    "Telling": "test_what_is_right_passes_and_what_is_wrong_fails",
    "Unreasonable": "test_what_is_right_passes_and_what_is_wrong_fails",
    "Pointing": "test_where_a_text_stands_moves_no_flaw",
    "Mending": "test_a_fixed_text_passes_and_needs_no_other",
    "HalfMending": "test_a_fixed_text_passes_and_needs_no_other",
    "Wavering": "test_the_same_text_gives_the_same_finding",
    "Recalling": "test_each_text_is_begun_for_itself",
    "Mixing": "test_texts_that_come_at_once_do_not_mix",
    "Brittle": "test_whatever_the_text_there_is_a_finding",
    "Raising": "test_what_is_right_passes_and_what_is_wrong_fails",
    "Willing": "test_it_is_asked_somewhere_and_its_policy_makes_sense_there",
    "Lenient": "test_what_is_right_passes_and_what_is_wrong_fails",
    "Boundless": "test_what_is_right_passes_and_what_is_wrong_fails",
    "Forgetting": "test_each_text_is_begun_for_itself",
}


def run_pytest(folder: Path, *, expected: int) -> str:
    """What pytest prints about the tests of a folder, in asyncio's strict mode, as others may have it."""
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "pytest", "-q", "-rf", "--tb=no", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == expected, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str]]:
    """(connector, test) of what fails when pytest runs the suites against the faulty connectors."""
    folder = tmp_path_factory.mktemp("faulty")
    for path in FAULTY:
        (folder / f"test_{path.name}").write_text(path.read_text())
    report = run_pytest(folder, expected=1)
    found = re.findall(r"^(?:FAILED|ERROR) \S+::Test(\w+)::(\w+)", report, re.MULTILINE)
    return {(str(connector), str(test)) for connector, test in found}


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("connector", CAUGHT)
def test_a_faulty_connector_is_caught(connector: str, failures: set[tuple[str, str]]) -> None:
    assert (connector, CAUGHT[connector]) in failures


@pytest.mark.long
@pytest.mark.slow
def test_one_without_a_fault_passes(failures: set[tuple[str, str]]) -> None:
    assert not [test for connector, test in failures if connector == "NoShouting"]


@pytest.mark.long
@pytest.mark.slow
def test_the_example_of_a_suite_runs(tmp_path: Path) -> None:
    example = re.search(r"( {4}# test_my_store.py\n.*?)\n\n`pytest", suites.__doc__ or "", re.DOTALL)
    assert example
    (tmp_path / "test_my_store.py").write_text(textwrap.dedent(example[1]))
    (tmp_path / "mystore.py").write_text(
        "from functools import cache\nfrom ragstone.testing import MemoryStore\n\n"
        "@cache\ndef MyStore(path):\n    return MemoryStore()\n"
    )
    assert " passed" in run_pytest(tmp_path, expected=0)
