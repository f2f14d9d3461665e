//! The result tables: workloads with verdict and money, their evidence and rates, volume by day and runs.

use super::Table;
use super::columns::{by_key, count, date, flag, keyed, maybe, money, real, small, text, time};

pub(super) static WORKLOADS: Table = Table {
    name: "workloads",
    row: "one workload in the audited window",
    partitioned: false,
    columns: keyed!(
        [],
        [
            text(
                "verdict",
                "who waits for the answers: tolerant, hybrid (a part of it), interactive or unclear"
            ),
            real(
                "score",
                "log-odds (natural logarithm) that the workload, or a hybrid's largest lane, is tolerant"
            ),
            real("probability", "the score as a probability, 0 to 1"),
            flag("decisive", "one rule or the owner's word carries the verdict alone"),
            count("requests", "calls, failed ones included"),
            count("errors", "calls that failed"),
            count("streaming_requests", "calls of a streaming operation"),
            count("active_minutes", "minutes with at least one call"),
            count("runs", "stretches of activity without a long gap"),
            time("first_minute", "first active minute, UTC"),
            time("last_minute", "last active minute, UTC"),
            count("input_tokens", "uncached input tokens"),
            count("cache_read_tokens", "input tokens read from the prompt cache"),
            count("cache_write_tokens", "input tokens written to the prompt cache"),
            count("output_tokens", "output tokens"),
            count("total_tokens", "tokens of all four kinds"),
            money("cost_usd", "cost in the window as it runs today; null when no rate is known"),
            count("eligible_tokens", "tokens nobody waits for: blocked + pilot + addressable"),
            count(
                "blocked_tokens",
                "part of eligible_tokens that cannot go to batch as things are"
            ),
            count("pilot_tokens", "part of eligible_tokens that batch must be tried with first"),
            count("addressable_tokens", "the rest of eligible_tokens: can go to batch now"),
            money("eligible_cost_usd", "cost today of the eligible tokens"),
            money(
                "batch_cost_usd",
                "cost of all tokens by batch; null without a known batch price"
            ),
            money("flex_cost_usd", "cost of all tokens by the flex tier; null where it has none"),
            money("savings_low_usd", "savings in the window: decisive evidence, can move now"),
            money("savings_expected_usd", "savings in the window, weighted by probability"),
            money("savings_high_usd", "savings in the window, upper bound"),
            money("cost_month_usd", "cost_usd scaled to 30 days"),
            money("eligible_cost_month_usd", "eligible_cost_usd scaled to 30 days"),
            money("savings_low_month_usd", "savings_low_usd scaled to 30 days"),
            money("savings_expected_month_usd", "savings_expected_usd scaled to 30 days"),
            money("savings_high_month_usd", "savings_high_usd scaled to 30 days"),
            text("mode", "recommended: on_demand, batch, flex, provisioned or unknown"),
            maybe(text("priced_as", "price-book model of the rates; null when unpriced")),
            count(
                "jobs",
                "batch jobs that the eligible tokens need in the window under the quotas"
            ),
            text("reason", "verdict, blockers and mode in a sentence or two"),
            maybe(text(
                "settle",
                "for unclear, and for the rest of a hybrid: what would settle it"
            )),
            date("window_from", "first audited day, UTC"),
            date("window_to", "last audited day, UTC"),
            count("window_days", "audited days, both ends included"),
        ]
    ),
    order: by_key!(),
};

pub(super) static EVIDENCE: Table = Table {
    name: "evidence",
    row: "one workload and one rule that fired: evidence for the verdict, or a blocker",
    partitioned: false,
    columns: keyed!(
        [],
        [
            text("kind", "evidence (speaks for the verdict) or blocker (stands against moving)"),
            small("ordinal", "position within its kind: heaviest evidence, first blocker is 1"),
            text("rule", "name of the rule"),
            maybe(real("value", "what was measured, in the unit the sentence names")),
            maybe(real("threshold", "what it was held against, same unit")),
            maybe(real(
                "weight",
                "evidence: log-odds, above zero for tolerant, below for interactive",
            )),
            maybe(flag("decisive", "evidence: may carry the verdict alone")),
            maybe(text("effect", "blocker: blocked or needs_pilot")),
            maybe(real(
                "share",
                "blocker: part of the workload, or of a hybrid's lanes, it holds, 0 to 1"
            )),
            maybe(count("tokens", "blocker: eligible tokens it holds, no token held twice")),
            money("cost_usd", "blocker: cost today of those tokens, in the window"),
            text("sentence", "the finding in one plain sentence"),
        ]
    ),
    order: by_key!("kind", "ordinal"),
};

pub(super) static VOLUME: Table = Table {
    name: "volume",
    row: "one workload, one day and one token kind that has tokens",
    partitioned: true,
    columns: keyed!(
        [],
        [
            text(
                "verdict",
                "who waits for the answers: tolerant, hybrid (a part of it), interactive or unclear"
            ),
            text("mode", "recommended: on_demand, batch, flex, provisioned or unknown"),
            text("token_kind", "input (uncached), cache_read, cache_write or output"),
            count("tokens", "tokens: eligible + interactive + unclear"),
            count("eligible_tokens", "tokens nobody waits for: blocked + pilot + addressable"),
            count(
                "blocked_tokens",
                "part of eligible_tokens that cannot go to batch as things are"
            ),
            count("pilot_tokens", "part of eligible_tokens that batch must be tried with first"),
            count("addressable_tokens", "the rest of eligible_tokens: can go to batch now"),
            count("interactive_tokens", "tokens somebody waits for"),
            count("unclear_tokens", "tokens of which the logs do not say"),
            money("cost_usd", "cost today, the workload's spread over days by tokens"),
            money(
                "moved_cost_usd",
                "cost if addressable tokens go to batch, or eligible ones to flex, as mode says",
            ),
        ]
    ),
    order: by_key!("token_kind"),
};

pub(super) static RUNS: Table = Table {
    name: "runs",
    row: "one run of a tolerant workload or of a hybrid's tolerant lane: a candidate for a batch job",
    partitioned: false,
    columns: keyed!(
        [],
        [
            time("first_minute", "first active minute of the run, UTC"),
            time("last_minute", "last active minute of the run, UTC"),
            count("minutes", "length of the run in minutes, both ends included"),
            count("requests", "calls, failed ones included"),
            count("errors", "calls that failed"),
            count("input_tokens", "uncached input tokens"),
            count("cache_read_tokens", "input tokens read from the prompt cache"),
            count("cache_write_tokens", "input tokens written to the prompt cache"),
            count("output_tokens", "output tokens"),
            count("total_tokens", "tokens of all four kinds"),
            maybe(count(
                "jobs",
                "batch jobs that the run needs under the quotas; null where it cannot be a job"
            )),
        ]
    ),
    order: by_key!("first_minute"),
};

pub(super) static RATES: Table = Table {
    name: "rates",
    row: "one workload, one way of buying and one token kind: tokens times the rate that applies",
    partitioned: false,
    columns: keyed!(
        [],
        [
            text("mode", "way of buying that is priced: on_demand (as today), batch or flex"),
            small("ordinal", "position within its mode, from 1"),
            text("token_kind", "what is priced, such as input, cache_read or output"),
            count("tokens", "tokens in the window, those that cannot move included"),
            money("usd_per_million", "US dollars per million tokens, discounts taken off"),
            money("cost_usd", "tokens times rate; a mode's lines add up to its cost in workloads"),
            text("source", "price list, date and row of the rate; a discount is named here"),
        ]
    ),
    order: by_key!("mode", "ordinal"),
};
