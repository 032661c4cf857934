//! Reports of records and results that are built here: each verdict, missing values, widths, hostile
//! text.

mod browser;
mod builder;
mod headline;
mod hints;
mod hosts;
mod html;
mod ladder;
mod markdown;
mod performance;
mod results;
mod terminal;
