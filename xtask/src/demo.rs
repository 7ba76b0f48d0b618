//! The demo page, built and served.

use crate::run::Run;
use crate::wasm::Profile;
use crate::{model, pkg, repo, say};
use anyhow::{Context, Result, bail, ensure};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

const FIRST_PORT: u16 = 5173;
const PORTS_TRIED: u16 = 20;

/// Serves the built page, and the default model beside it, until it is interrupted.
pub fn serve(port: Option<u16>, judge: Option<&str>, open: bool) -> Result<()> {
    pkg::build(Profile::Release)?;
    pkg::page()?;
    model::fetch()?;
    if let Some(judge) = judge {
        model::fetch_named(judge)?;
    }

    let port = match port {
        Some(port) => port,
        None => free_port()?,
    };
    // The page then takes the copy beside it.
    let query = judge.map(|judge| format!("?judge={judge}")).unwrap_or_default();
    let url = format!("http://localhost:{port}/{query}");
    // Vite itself, not `npx vite`: an interrupt reaches it without a shell between.
    let mut vite = Run::new("node")
        .arg(repo::path("www/node_modules/vite/bin/vite.js"))
        .args(["preview", "--host", "localhost", "--strictPort", "--port", &port.to_string()])
        .args((open && has_display()).then(|| format!("--open=/{query}")))
        .dir(repo::path("www"))
        .spawn()?;
    while TcpStream::connect(("localhost", port)).is_err() {
        if let Some(status) = vite.try_wait()? {
            bail!("the page could not be served at {url} ({status}); try another `--port`");
        }
        thread::sleep(Duration::from_millis(100));
    }
    say!("the demo page is at {url}  (Ctrl-C ends it)");
    println!("{url}");
    let status = vite.wait().context("waiting for the server")?;
    ensure!(status.success(), "the server ended ({status})");
    Ok(())
}

fn free_port() -> Result<u16> {
    let free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let last = FIRST_PORT + PORTS_TRIED;
    (FIRST_PORT..last)
        .find(free)
        .with_context(|| format!("no port from {FIRST_PORT} to {last} is free; name one with `--port`"))
}

fn has_display() -> bool {
    !cfg!(target_os = "linux")
        || ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|key| std::env::var_os(key).is_some())
}
