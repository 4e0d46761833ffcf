//! The API as a client sees it: a real store, requests through the whole router.

mod app;
mod gate;
mod openapi;
mod pages;
mod session;
mod views;
