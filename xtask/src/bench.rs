//! `cargo xtask bench`: this broker beside others in one run, as Markdown; charts of how its costs grow; micro benchmarks.
//!
//! Knows in which order things are measured. What a load is `loads` knows, how a broker is started `brokers`. Times are those
//! of a machine that does nothing else; on a busy one only what was measured side by side can be compared.

mod brokers;
mod chart;
mod figures;
mod growth;
mod loads;
mod machine;
mod table;
mod wish;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use self::brokers::{Broker, Recipe};
use self::figures::Figures;
use self::loads::{LOADS, Load};
use self::table::Row;
use self::wish::Wish;
use crate::build::{self, Profile};
use crate::command::{self, cargo};

pub(crate) fn bench(words: &[&str]) -> Result<()> {
    let wish = Wish::read(words)?;
    if wish.micro {
        return micro();
    }
    let generator = generator()?;
    let binary = build::build(Profile::Release)?;
    let ours = |shards: &&str| Recipe::ours(&binary, shards, wish.shards.len() > 1);
    let mut recipes = wish.shards.iter().map(ours).collect::<Result<Vec<_>>>()?;
    if wish.plot {
        return growth::plot(&generator, &recipes[0], wish.quick);
    }
    if recipes.len() == 1 {
        recipes.extend(Recipe::mosquitto()?);
    }
    for peer in &wish.peers {
        recipes.push(Recipe::peer(peer)?);
    }
    println!("\n{}", side_by_side(&generator, &recipes, &wish)?);
    Ok(())
}

/// All loads on all brokers, in turns, so that what disturbs the machine disturbs them all.
fn side_by_side(generator: &PathBuf, recipes: &[Recipe], wish: &Wish<'_>) -> Result<String> {
    let mut rows = Vec::new();
    for load in LOADS.iter().filter(|load| wish.wants(load.name)) {
        let mut rounds: Vec<Vec<Figures>> = recipes.iter().map(|_| Vec::new()).collect();
        for round in 1..=wish.rounds {
            for (recipe, figures) in recipes.iter().zip(&mut rounds) {
                let Some(found) = measure(generator, recipe, load, wish.quick)? else { continue };
                eprintln!("{} {} {round}: {}", load.name, recipe.name, found.words());
                figures.push(found);
            }
        }
        rows.push(Row { load, figures: rounds.iter().map(|of| Figures::median(of)).collect() });
    }
    let names: Vec<&str> = recipes.iter().map(|recipe| recipe.name.as_str()).collect();
    let versions: Vec<String> = recipes.iter().map(Recipe::version).collect();
    Ok(format!("{}\n{}", table::render(&names, &rows), machine::describe(&versions, wish.rounds)))
}

/// One load on one broker, which is started for it. None where it has no such transport.
fn measure(generator: &PathBuf, recipe: &Recipe, load: &Load, quick: bool) -> Result<Option<Figures>> {
    if load.is_websocket() && recipe.has_no_websocket() {
        return Ok(None);
    }
    let broker = Broker::start(recipe, load.keeps)?;
    let mut run = command::program(generator);
    run.args(load.arguments(quick)).args(broker.arguments(load.is_websocket()));
    let said = command::output(&mut run).with_context(|| {
        format!("{} on {}: something was lost, or it does not answer", load.name, recipe.name)
    });
    // A peer that cannot do a load has no figures for it; we have to.
    match said {
        Ok(said) => {
            let mut figures = Figures::read(said.lines().last().unwrap_or_default())?;
            if recipe.is_ours {
                figures.add("busiest_shard", broker.busiest_shard()?);
            }
            Ok(Some(figures))
        }
        Err(error) if recipe.is_ours => Err(error),
        Err(error) => {
            eprintln!("{error:#}");
            Ok(None)
        }
    }
}

fn generator() -> Result<PathBuf> {
    command::run(&mut cargo(["build", "--locked", "--release", "-p", "load"]))?;
    let path = command::target().join(format!("release/load{}", std::env::consts::EXE_SUFFIX));
    if !path.is_file() {
        bail!("{} is not there after it was built", path.display());
    }
    Ok(path)
}

/// Decoding, encoding, matching and queueing by themselves.
fn micro() -> Result<()> {
    command::run(&mut cargo(["bench", "--locked", "-p", "mqtt", "--bench", "codec"]))?;
    let mut broker = cargo(["bench", "--locked", "-p", "bridge", "--no-default-features"]);
    command::run(broker.args(["--bench", "broker"]))
}
