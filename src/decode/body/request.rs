//! The request body: tools, conversation, output format, guardrail.

use super::super::ends::Ends;
use super::super::json::{Cursor, Kind, Step};
use super::super::text::Raw;
use super::{Body, Tier, either_side, elements, members, string};

/// Looks into a request body and steps over it.
pub(in crate::decode) fn request(cursor: &mut Cursor<'_, impl Ends>, body: &mut Body) -> Step<()> {
    if cursor.kind()? != Kind::Object {
        return cursor.skip();
    }
    body.has_input = true;
    // Known already where the record has its output first; what the call got outweighs the wish.
    let got = body.tier;
    let mut tools = 0usize;
    let mut forced = false;
    cursor.object(|c, key| match &*key.name() {
        b"messages" => messages(c, body),
        b"toolConfig" => members(c, |c, key| match &*key.name() {
            b"tools" => count_tools(c, &mut tools),
            b"toolChoice" => members(c, |c, key| {
                forced |= key.is("any") || key.is("tool");
                c.skip()
            }),
            _ => c.skip(),
        }),
        b"tools" => count_tools(c, &mut tools),
        b"tool_choice" => tool_choice(c, &mut forced),
        b"outputConfig" | b"output_config" | b"output_format" | b"response_format" => {
            find_json_schema(c, &mut body.json_schema)
        }
        b"guardrailConfig" | b"amazon-bedrock-guardrailConfig" => {
            body.guardrail |= c.kind()? == Kind::Object;
            c.skip()
        }
        _ => either_side(c, key, body),
    })?;
    body.tools |= tools > 0;
    body.forced_tool |= tools == 1 && forced;
    if got != Tier::Unknown {
        body.tier = got;
    }
    Ok(())
}

/// Converse lists cache points among the tools; they are none.
#[inline(always)]
fn count_tools(cursor: &mut Cursor<'_, impl Ends>, tools: &mut usize) -> Step<()> {
    elements(cursor, |c| {
        let mut is_tool = true;
        members(c, |c, key| {
            is_tool &= !key.is("cachePoint");
            c.skip()
        })?;
        *tools += usize::from(is_tool);
        Ok(())
    })
}

/// Who said what, without the saying: an assistant's turn that is followed by another makes a
/// conversation, a tool's result a loop.
fn messages(cursor: &mut Cursor<'_, impl Ends>, body: &mut Body) -> Step<()> {
    let mut answered = false;
    elements(cursor, |c| {
        body.multi_turn |= answered;
        members(c, |c, key| match &*key.name() {
            b"role" => string(c, |role| {
                answered |= role.is("assistant");
                body.tool_result |= role.is("tool");
            }),
            b"content" => elements(c, |c| {
                members(c, |c, key| match &*key.name() {
                    b"toolResult" => {
                        body.tool_result = true;
                        c.skip()
                    }
                    b"type" => string(c, |kind| body.tool_result |= kind.is("tool_result")),
                    _ => c.skip(),
                })
            }),
            _ => c.skip(),
        })
    })
}

/// Anthropic: `{"type": "tool" | "any"}`; OpenAI: `"required"` or `{"type": "function"}`.
fn tool_choice(cursor: &mut Cursor<'_, impl Ends>, forced: &mut bool) -> Step<()> {
    match cursor.kind()? {
        Kind::Object => cursor.object(|c, key| match &*key.name() {
            b"type" => string(c, |choice| {
                *forced |= choice.is("tool") || choice.is("any") || choice.is("function");
            }),
            _ => c.skip(),
        }),
        _ => string(cursor, |choice| *forced |= choice.is("required")),
    }
}

/// How deep an output format is searched: every known shape names the schema within three levels.
const FORMAT_DEPTH: usize = 4;

/// Whether a format names a JSON schema, as a key or as its type.
fn find_json_schema(cursor: &mut Cursor<'_, impl Ends>, found: &mut bool) -> Step<()> {
    fn search(cursor: &mut Cursor<'_, impl Ends>, found: &mut bool, depth: usize) -> Step<()> {
        let names = |raw: Raw<'_>| raw.is("json_schema") || raw.is("jsonSchema");
        match cursor.kind()? {
            Kind::Object if depth > 0 => cursor.object(|c, key| {
                *found |= names(key);
                search(c, found, depth - 1)
            }),
            _ => string(cursor, |text| *found |= names(text)),
        }
    }
    search(cursor, found, FORMAT_DEPTH)
}
