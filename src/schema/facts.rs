//! The fact tables: usage by minute and sizes by day, from which everything else can be computed
//! again.

use super::Table;
use super::columns::{by_key, count, keyed, real, small, text, time};

pub(super) static USAGE: Table = Table {
    name: "usage",
    row: "one workload in one active minute",
    partitioned: true,
    columns: keyed!(
        [time("minute", "start of the minute, UTC")],
        [
            count("requests", "calls, failed ones included"),
            count("errors", "calls that failed; they have no tokens and no bodies"),
            count("streaming_requests", "calls of a streaming operation"),
            count("input_tokens", "uncached input tokens"),
            count("cache_read_tokens", "input tokens read from the prompt cache"),
            count("cache_write_tokens", "input tokens written to the prompt cache, any lifetime"),
            count("output_tokens", "output tokens"),
            count(
                "cache_write_1h_tokens",
                "part of cache_write_tokens that bodies show to live one hour",
            ),
            count("long_input_tokens", "part of input_tokens in calls at the long-context price"),
            count("long_cache_read_tokens", "part of cache_read_tokens in such calls"),
            count("long_cache_write_tokens", "part of cache_write_tokens in such calls"),
            count("long_output_tokens", "part of output_tokens in such calls"),
            count("ten_00", "calls in seconds 0 to 9 of the minute"),
            count("ten_10", "calls in seconds 10 to 19"),
            count("ten_20", "calls in seconds 20 to 29"),
            count("ten_30", "calls in seconds 30 to 39"),
            count("ten_40", "calls in seconds 40 to 49"),
            count("ten_50", "calls in seconds 50 to 59"),
            count("latency_ms_sum", "sum of the latencies that bodies told, milliseconds"),
            count("latency_count", "calls whose body told the latency"),
            count("input_bodies", "calls whose request body was in the log"),
            count("output_bodies", "calls whose response body was in the log"),
            count("tools", "calls that offered tools to the model"),
            count("agent_turns", "calls inside a tool loop"),
            count("forced_tool", "calls with a single tool that the model had to use"),
            count("json_schema", "calls that asked for output by a JSON schema"),
            count("guardrail", "calls with a guardrail"),
            count("multi_turn", "calls that carried earlier answers along"),
            count("priority_tier", "calls that asked for the priority tier"),
            count("flex_tier", "calls that asked for the flex tier"),
            count("optimized_latency", "calls that asked for optimised latency"),
        ]
    ),
    order: by_key!("minute"),
};

pub(super) static SIZES: Table = Table {
    name: "sizes",
    row: "one workload, one day, input or output, and one size bin that has calls",
    partitioned: true,
    columns: keyed!(
        [],
        [
            text("kind", "input (uncached, cache read and cache write together) or output"),
            small("bin", "bin number: floor(16 × ln tokens), 0 for none or one token"),
            real("lower_tokens", "smallest size in the bin, tokens"),
            real("upper_tokens", "size at which the next bin begins, tokens"),
            count("requests", "successful calls of that size"),
        ]
    ),
    order: by_key!("kind", "bin"),
};
