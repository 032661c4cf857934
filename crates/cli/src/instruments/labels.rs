//! The values that labels take. They are few and known: what a client sends never becomes one.

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// The next message of a conversation.
    Chat,
    /// The continuation of a text.
    Completion,
    /// The directions of texts.
    Embedding,
}

impl Task {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Chat, Self::Completion, Self::Embedding];

    /// Its name in labels and in the log.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Completion => "completion",
            Self::Embedding => "embedding",
        }
    }
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// With an answer.
    Answered,
    /// Its client went away.
    Cancelled,
    /// Its time was over.
    Expired,
    /// The engine had no room for it.
    Refused,
    /// It made no sense.
    Invalid,
    /// Something broke.
    Failed,
}

impl Outcome {
    /// All of them.
    pub(super) const ALL: [Self; 6] = [
        Self::Answered,
        Self::Cancelled,
        Self::Expired,
        Self::Refused,
        Self::Invalid,
        Self::Failed,
    ];

    /// Its name in labels.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Refused => "refused",
            Self::Invalid => "invalid",
            Self::Failed => "failed",
        }
    }
}

/// What a client was told to be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    /// The request makes no sense.
    InvalidRequest,
    /// No key, or a wrong one.
    Unauthorized,
    /// Sent to a name that is not this machine's, without a key.
    Forbidden,
    /// No such route, method or model.
    NotFound,
    /// The body is longer than the server takes.
    BodyTooLarge,
    /// The body did not come in time.
    BodyTimeout,
    /// The queue is full.
    Overloaded,
    /// The answer was not complete in time.
    DeadlineExceeded,
    /// The server is about to end.
    Stopped,
    /// Something broke.
    Internal,
}

impl ErrorKind {
    /// All of them.
    pub(super) const ALL: [Self; 10] = [
        Self::InvalidRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::BodyTooLarge,
        Self::BodyTimeout,
        Self::Overloaded,
        Self::DeadlineExceeded,
        Self::Stopped,
        Self::Internal,
    ];

    /// Its name in labels.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::BodyTooLarge => "body_too_large",
            Self::BodyTimeout => "body_timeout",
            Self::Overloaded => "overloaded",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::Stopped => "stopped",
            Self::Internal => "internal",
        }
    }
}
