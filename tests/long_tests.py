"""What `make test` leaves to `make test-all`, so that a contributor waits for minutes and not for a quarter of an hour.

Each is the beginning of the ids of tests that take two seconds of processor time or more together with what they start:
a site, a browser, an environment, a run. Of each kind a few stay in `make test`, which are not named here.
"""

from __future__ import annotations

import pytest

_LIMIT = 1800  # seconds for one of them, beside others of its kind
LONG = (
    "notebooks/recipes/",  # nbval verifies them; `make run` executes them
    "tests/azure/test_masking.py::test_no_part_of_eight_characters_survives_wherever_a_text_was_cut",
    "tests/catalog/test_new_recipe.py::test_a_path_and_a_parameter_of_its_own",
    "tests/catalog/test_new_recipe.py::test_it_is_linked_and_has_a_page",
    "tests/catalog/test_new_recipe.py::test_its_answer_is_its_own_and_nbval_verifies_it",
    "tests/catalog/test_new_recipe.py::test_nbval_takes_what_needs_nothing_but_python",
    "tests/catalog/test_selection.py::test_two_of_one_name_run_side_by_side",
    "tests/catalog/test_seventh_client.py::test_it_runs",
    "tests/endpoint/test_bounds.py::test_large_requests_leave_no_memory_behind",
    "tests/endpoint/test_browser_pages.py",
    "tests/endpoint/test_fuzz_bodies.py",
    "tests/endpoint/test_identity_clients.py::test_litellm",
    "tests/endpoint/test_managed_gateway.py::test_the_openapi_document_of_this_kind_is_valid",
    "tests/endpoint/test_openapi.py::test_it_is_a_valid_openapi_3_1_document",
    "tests/endpoint/test_openapi_fuzz.py",
    "tests/endpoint/test_parameters.py::test_the_schema_of_",
    "tests/gallery/test_building.py",
    "tests/gallery/test_pages.py",  # the whole site, for which each program is executed
    "tests/gallery/test_using.py",
    "tests/lab/test_jupyterlab.py::test_every_cell_runs",
    "tests/lab/test_jupyterlab.py::test_outputs_can_be_read",
    "tests/notebook/test_lesson_pictures.py",
    "tests/notebook/test_model_views.py::test_the_gallery_marks_a_row_that_is_old",
    "tests/notebook/test_model_views.py::test_the_time_line_is_a_picture_with_its_dates_in_words",
    "tests/notebooks/beyond_python/test_other_notebooks.py::test_one_that_is_skipped_is_no_failure_and_is_told",
    "tests/notebooks/beyond_python/test_other_notebooks.py::test_outputs_are_those_that_are_committed",
    "tests/notebooks/beyond_python/test_programs.py::test_curl_never_shows_the_key_to_the_process_list",
    "tests/notebooks/beyond_python/test_programs.py::test_every_parameter_does_something_one_can_see",
    "tests/notebooks/beyond_python/test_programs.py::test_every_task_is_done_with_a_key",
    "tests/notebooks/beyond_python/test_programs.py::test_every_task_is_done_without_a_key",
    "tests/notebooks/clients/test_exercises.py::test_the_solutions_pass_the_checks[langchain]",
    "tests/notebooks/clients/test_exercises.py::test_the_solutions_pass_the_checks[litellm]",
    "tests/notebooks/clients/test_exercises.py::test_the_solutions_pass_the_checks[mistralai]",
    "tests/notebooks/elsewhere/test_script.py",
    "tests/notebooks/recipes/test_app_regressions.py::test_a_prompt_that_was_not_recorded_is_red",
    "tests/notebooks/recipes/test_app_regressions.py::test_what_is_no_longer_known_is_red",
    "tests/notebooks/recipes/test_batch_failures.py",
    "tests/notebooks/recipes/test_errors_policy.py::test_the_picture_says_what_was_measured",
    "tests/notebooks/recipes/test_quota_ledger.py::test_the_picture_has_the_measured_figures",
    "tests/notebooks/test_million_prompts.py",
    "tests/notebooks/test_notebook_refusals.py::test_what_is_refused_is_what_the_table_says[foundry-",
    "tests/notebooks/test_notebook_refusals.py::test_what_is_refused_is_what_the_table_says[managed-openai-sdk-mistralai-Mixtral",
    "tests/notebooks/test_running.py",
    "tests/recording/test_recorded_script.py::test_a_script_of_a_real_run_gives_its_answers_again",
    "tests/recording/test_run_through_doors.py::test_parameters_of_every_kind_come_back_from_a_recording",
    "tests/recording/test_withheld_keys.py::test_with_direct_no_part_of_a_key_is_printed_or_kept",
    "tests/running/test_every_cell_ran.py::test_a_limit_ends_a_cell_that_prints_without_end",
    "tests/running/test_reports_of_this_run.py::test_a_damaged_notebook_stops_it_and_what_passed_can_be_resumed",
    "tests/running/test_reports_of_this_run.py::test_a_dead_host_and_a_wrong_key",
    "tests/running/test_reports_of_this_run.py::test_a_dry_run_needs_no_folder_that_can_be_written",
    "tests/running/test_reports_of_this_run.py::test_a_large_cell_fits_and_odd_notebooks_run",
    "tests/running/test_reports_of_this_run.py::test_closed_streams_change_nothing",
    "tests/running/test_reports_of_this_run.py::test_on_a_full_disk_the_reason_is_one_line_and_no_file_is_empty",
    "tests/running/test_run_ci.py::test_tests_know_no_variable_of_the_ci_they_run_in",
    "tests/running/test_run_ending.py::test_a_second_ctrl_c_ends_it_at_once_and_leaves_nothing",
    "tests/running/test_run_ending.py::test_interrupted_it_ends_everything_and_reports[15]",
    "tests/running/test_run_ending.py::test_interrupted_it_ends_everything_and_reports[1]",
    "tests/running/test_run_ending.py::test_killed_it_takes_everything_along_and_can_be_resumed",
    "tests/running/test_run_ending.py::test_the_runner_alone_killed_takes_everything_along",
    "tests/running/test_run_kinds.py::test_a_foundry_resource[",
    "tests/running/test_run_kinds.py::test_a_run_on_managed_compute_says_so",
    "tests/running/test_run_kinds.py::test_managed_compute_behind_doors",
    "tests/running/test_run_kinds.py::test_notebooks_side_by_side_wait_for_their_turn_at_managed_compute",
    "tests/running/test_run_kinds.py::test_the_only_name_that_a_server_knows_is_taken",
    "tests/running/test_run_kinds.py::test_the_recording_of_a_foundry_resource_knows_its_kind",
    "tests/running/test_run_kinds.py::test_what_passed_on_one_kind_is_not_taken_for_another",
    "tests/running/test_run_offline.py::test_a_kernel_is_this_environments_own",
    "tests/running/test_run_reports.py::test_a_dry_run_rehearses_what_was_never_counted_with_these_parameters",
    "tests/running/test_run_reports.py::test_saving_keeps_outputs_unless_the_notebook_has_changed",
    "tests/running/test_run_reports.py::test_the_next_run_leaves_nothing_of_the_last_one",
    "tests/running/test_run_reports.py::test_two_runs_at_a_time_do_not_mix",
    "tests/running/test_run_resuming.py::test_what_no_outcome_depends_on_does_not_undo_resume_and_the_script_does",
    "tests/running/test_run_trouble.py",
    "tests/running/test_strict_template.py",
    "tests/snippets/test_snippet_environments.py",
    "tests/snippets/test_snippet_making.py::test_no_client_has_to_be_installed_to_write_the_programs",
    "tests/snippets/test_snippets.py::test_the_install_line_brings_what_is_imported",
    "tests/snippets/test_snippets.py::test_the_starter_runs[langchain-",
    "tests/snippets/test_snippets.py::test_the_starter_runs[litellm-",
    "tests/snippets/test_snippets.py::test_the_starter_runs[mistralai-",
    "tests/test_setup.py::test_a_",  # each sets a small project up
    "tests/test_setup.py::test_an_",
    "tests/test_setup.py::test_the_python_that_was_chosen_stays",
    "tests/test_setup.py::test_the_second_of_two_set_ups_waits_and_says_so",
    "tests/test_setup.py::test_whatever_variables_and_files_say_nothing_outside_is_changed",
    "tests/test_setup.py::test_without_a_network_there_is_one_line_and_no_secret",
    "tests/testing/test_example_app.py::test_an_app_that_gives_up_at_once_is_found_out",
    "tests/testing/test_pytest_plugin.py::test_a_failure_shows_the_exchanges",
    "tests/testing/test_pytest_plugin.py::test_an_unexpected_prompt_fails_a_test_and_names_the_nearest_answer",
    "tests/upkeep/test_canaries.py::test_a_run_leaves_no_credential_behind[recorded]",
    "tests/upkeep/test_canaries.py::test_no_client_tells_a_credential_whatever_goes_wrong",
    "tests/upkeep/test_corpus.py::test_a_large_file_takes_its_length_in_time[hashes]",
    "tests/upkeep/test_corpus.py::test_beginnings_of_credentials_take_their_length_in_time",
    "tests/upkeep/test_engines.py::test_a_notebook_passes_on_llama_cpp_itself",
    "tests/upkeep/test_engines.py::test_the_page_is_current",
)

# They measure how much of a minute is used, and come last with nothing beside them.
ALONE = (
    "tests/notebooks/recipes/test_recipe_exercises.py::test_the_check_says_what_is_wrong_and_takes_the_solution[recipes/quota]",
    "notebooks/recipes/quota.ipynb",
    "tests/notebooks/recipes/test_quota_ledger.py::test_three_minutes_of_the_whole_quota_and_nothing_is_refused",
    "tests/notebooks/test_running.py::test_notebook_runs[recipes/quota-",
)


def mark(items: list[pytest.Item]) -> None:
    """Mark them `all`, and give what is marked so a limit of its own."""
    for item in items:
        if item.nodeid.startswith(ALONE):
            item.add_marker(pytest.mark.alone)
        if item.nodeid.startswith(LONG):
            item.add_marker(pytest.mark.all)
        if item.get_closest_marker("all") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(_LIMIT))
