//! The fields of a record by name, and what they are.

use super::body::Measure;

/// A field of a record. Reading one decides nothing: what follows is read in the same way whatever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// A text.
    Text(TextField),
    /// A token count.
    Tokens(TokenField),
    /// `requestMetadata`
    Metadata,
    /// A number of the answer.
    Answer(Measure),
}

/// A text of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextField {
    /// `timestamp`
    Timestamp,
    /// `accountId`
    Account,
    /// `region`
    Region,
    /// `requestId`
    RequestId,
    /// `operation`
    Operation,
    /// `modelId`
    ModelId,
    /// `identity.arn`
    Arn,
    /// `inferenceRegion`
    InferenceRegion,
    /// `errorCode`
    ErrorCode,
}

impl TextField {
    /// Why a value is none.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Timestamp => "timestamp is not a string",
            Self::Account => "accountId is not a string",
            Self::Region => "region is not a string",
            Self::RequestId => "requestId is not a string",
            Self::Operation => "operation is not a string",
            Self::ModelId => "modelId is not a string",
            Self::Arn => "identity.arn is not a string",
            Self::InferenceRegion => "inferenceRegion is not a string",
            Self::ErrorCode => "errorCode is not a string",
        }
    }
}

/// A token count of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenField {
    /// `input.inputTokenCount`
    Input,
    /// `input.cacheReadInputTokenCount`
    CacheRead,
    /// `input.cacheWriteInputTokenCount`
    CacheWrite,
    /// `output.outputTokenCount`
    Output,
}
