"""Every rule, in one place: `docs/prompt-lint.md` shows each with an example, and a test holds the two together."""

from __future__ import annotations

from ragstone.prompts.lint import allowing, folder, inputs, leaking, order, settings, words
from ragstone.prompts.lint.finding import FolderRule, Rule
from ragstone.prompts.lint.loading import REFUSED

__all__ = ["CODES", "FOLDER_RULES", "IDLE_WHY", "RULES"]

RULES = (
    # Inputs and slots
    Rule("unused-input", "error", inputs.unused, "What a caller gives for it has no effect, and nobody is told."),
    Rule("single-braces", "error", inputs.single_braces, "The model reads the name in place of the value."),
    Rule("repeated-slot", "warning", inputs.repeated_slot, "The same passages are paid for twice."),
    Rule("undescribed-input", "warning", inputs.undescribed, "Whoever calls the prompt has to guess what to give."),
    Rule("no-example", "warning", inputs.unexampled, "Without one, `explain` cannot show the prompt by itself."),
    # Settings
    Rule("name-mismatch", "warning", settings.other_name, "Traces name the one, and people look for the other."),
    Rule("no-description", "warning", settings.no_description, "In a list of prompts nobody knows what it is for."),
    Rule(
        "unmarked-passages",
        "error",
        settings.unmarked_passages,
        "A document can hold orders; unmarked, they look like yours.",
    ),
    Rule("idle-passages", "warning", settings.idle_passages, "A setting that does nothing misleads the next reader."),
    Rule("no-abstain", "warning", settings.no_abstain, "With no words for 'no answer', a model makes one up."),
    Rule("no-output-limit", "warning", settings.no_output_limit, "An answer that runs on costs money until it ends."),
    Rule(
        "conflicting-options", "warning", settings.conflicting_options, "One of the two has another effect than meant."
    ),
    Rule("early-stop", "error", settings.early_stop, "The sentence for 'no answer' is cut off and not recognised."),
    Rule("self-verified", "warning", settings.self_verified, "Told to look for mistakes, a model finds some anywhere."),
    # Order
    Rule("question-first", "warning", order.question_first, "Models answer better when the question comes last."),
    Rule(
        "late-instruction",
        "warning",
        order.late_instruction,
        "Behind quoted text an instruction is easily taken for a part of it, and no cache can keep it.",
    ),
    Rule(
        "changing-value",
        "warning",
        order.changing_value,
        "All that follows it is read anew for each request, and paid.",
    ),
    Rule("fixed-date", "warning", order.fixed_date, "It is wrong tomorrow, and the model believes it."),
    # Words
    Rule(
        "invisible-character",
        "error",
        words.invisible,
        "The model reads what you cannot see: words may be hidden in it.",
    ),
    Rule("special-token", "error", words.special_token, "A model may take it for the end of a message."),
    Rule("secret", "error", words.secret, "It is sent to the model's server, and stands in traces and in git."),
    Rule("left-over", "warning", words.left_over, "It is sent to the model as if you meant it."),
    Rule("shouting", "warning", words.shouting, "It makes models overdo this one rule, and the others count less."),
    Rule("negations", "warning", words.negations, "Models follow what to do better than what not to do."),
    Rule(
        "long-instruction",
        "warning",
        words.long_instruction,
        "Each word is paid for in each request, and rules get lost.",
    ),
    Rule("repeated-line", "warning", words.repeated_line, "Two copies drift apart, and then contradict each other."),
    Rule(
        "trailing-space", "warning", words.trailing_space, "It is sent, and a change of it alone makes a new version."
    ),
    Rule("mixed-languages", "warning", words.mixed_languages, "The model may answer in either of them."),
    # Tests
    Rule(
        "examples-leak-tests", "warning", leaking.examples_leak_tests, "Such a test shows only that a model can copy."
    ),
)
"""What is looked for in each prompt that loads."""

FOLDER_RULES = (
    FolderRule("unused-part", "warning", folder.unused_part, "Whoever edits it waits for an effect that never comes."),
    FolderRule("near-duplicate", "warning", folder.near_duplicate, "A correction of one is forgotten in the other."),
    FolderRule("missing-tests", "warning", folder.missing_tests, "Nobody knows whether the next edit makes it worse."),
)
"""What is looked for in all prompts of a folder together."""

IDLE_WHY = "The next fault of that kind would not be told."
"""Why an allowance that allows nothing is told."""

CODES = (*REFUSED, *(rule.code for rule in (*RULES, *FOLDER_RULES)), allowing.IDLE)
"""The code of every kind of fault."""
