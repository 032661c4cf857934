//! What the pipeline builds, refuses and leaves. None of these tests rests on how long something took,
//! so two of them may run at a time.

pub(crate) mod c_code;
mod doctor;
mod flags;
mod guards;
mod hosts;
mod init;
mod interruption;
mod layouts;
pub(crate) mod profiles;
mod servers;
mod stored;
