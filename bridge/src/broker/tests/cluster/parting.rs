//! Clients that are all at the door, until one shard is not enough.

use std::collections::BTreeSet;

use super::*;

impl Cluster {
    /// Clients go home from now on, and those that may go do.
    fn part(&mut self) {
        self.settle_shards();
        self.handle(0, Input::Part);
        self.settle_shards();
        for (id, home) in self.shards[0].broker.settlers(usize::MAX) {
            self.resettle(id, home.0.into());
        }
        self.settle_shards();
    }

    fn resettle(&mut self, id: ConnectionId, home: usize) {
        let Some(resettled) = self.shards[0].broker.resettle(id) else { return };
        self.outputs(0);
        let n = self.shards[0].links.remove(&id.0).unwrap();
        let shard = &mut self.shards[home];
        shard.last_connection += 1;
        let connection = ConnectionId(shard.last_connection);
        shard.links.insert(connection.0, n);
        let link = self.clients[n].link.as_mut().unwrap();
        (link.shard, link.id) = (home, connection);
        link.sent.iter_mut().for_each(|(ticket, _)| *ticket = None); // nothing is under way
        self.handle(home, Input::Resettled { connection, resettled });
        self.resettled += 1;
    }

    /// A name has one Session, wherever that is.
    fn check_names(&self) {
        let mut names = BTreeSet::new();
        let all = self.shards.iter().flat_map(|shard| shard.broker.by_client.keys());
        all.for_each(|name| assert!(names.insert(name.clone()), "{name} is there twice"));
    }

    fn at_door(&self) -> usize {
        self.shards[0].broker.by_client.len()
    }
}

fn begin(seed: u64, shards: u16, keeps_state: bool) -> Cluster {
    let mut cluster = Cluster::begin(seed, shards, runs::config(keeps_state), true);
    for n in 0..3 {
        cluster.add(format!("publisher {n}"));
    }
    for n in 0..6 {
        cluster.add(format!("subscriber {n}"));
    }
    for n in (0..cluster.clients.len()).step_by(2) {
        cluster.clients[n].is_brief = true;
    }
    cluster
}

#[test]
fn nothing_is_lost_or_doubled_when_clients_part() {
    for shards in [2, 4] {
        let (mut resettled, mut got) = (0, 0);
        for seed in 1..=60 {
            let done = std::panic::catch_unwind(|| {
                let mut cluster = begin(seed, shards, seed.is_multiple_of(2));
                let part = 300 + cluster.below(900);
                for step in 0..1800 {
                    if step == part {
                        cluster.part();
                    }
                    // Those that come and go change how they do that.
                    if cluster.below(50) == 0 {
                        let n = 3 + cluster.below(6) as usize;
                        let client = &mut cluster.clients[n];
                        if client.link.is_none() {
                            (client.is_brief, client.was_there) = (!client.is_brief, false);
                        }
                    }
                    cluster.play(3);
                    cluster.check_names();
                }
                cluster.settle();
                cluster.check_order();
                cluster.check_all_came();
                cluster.check_retained();
                cluster
            });
            let Ok(cluster) = done else { panic!("seed {seed} with {shards} shards") };
            resettled += cluster.resettled;
            got += cluster.clients.iter().map(|client| client.got.len()).sum::<usize>();
        }
        assert!(resettled > 60 && got > 5000, "{resettled} resettled, {got} came");
    }
}

#[test]
fn who_does_not_outlast_its_connection_stays_at_the_door_and_the_others_go_home() {
    for seed in 1..=20 {
        let mut cluster = begin(seed, 2, true);
        cluster.settle();
        let brief = cluster.clients.iter().filter(|client| client.is_brief).count();
        let of_door: Vec<bool> = cluster
            .clients
            .iter()
            .filter(|client| cluster.shards[0].broker.home(&client.name) == ShardId(0))
            .map(|client| client.is_brief)
            .collect();
        let lasting = of_door.iter().filter(|&&is_brief| !is_brief).count();
        assert_eq!(cluster.at_door(), brief + lasting, "seed {seed}");
        cluster.part();
        assert_eq!(cluster.at_door(), of_door.len(), "seed {seed}");
        cluster.check_names();
    }
}

#[test]
fn the_door_forgets_who_went_home_when_nothing_is_there_any_more() {
    let mut cluster = begin(7, 2, true);
    cluster.settle();
    assert!(!cluster.shards[0].broker.homes.knows_nobody());
    for n in 0..cluster.clients.len() {
        cluster.cut_client(n);
        cluster.clients[n].is_brief = true; // Clean Start ends what was there
    }
    cluster.settle();
    for n in 0..cluster.clients.len() {
        cluster.cut_client(n);
    }
    cluster.settle_shards();
    for shard in &cluster.shards {
        assert!(shard.broker.homes.knows_nobody());
        assert!(shard.broker.by_client.is_empty());
    }
}

#[test]
fn what_is_under_way_to_a_client_or_waits_for_it_moves_along() {
    let mut resettled = 0;
    for seed in 1..=20 {
        let mut cluster = Cluster::begin(seed, 2, runs::config(true), true);
        let (publisher, subscriber) = (cluster.add("publisher"), cluster.add("subscriber"));
        cluster.clients.iter_mut().for_each(|client| client.is_brief = true);
        cluster.settle();
        cluster.subscribe_to(subscriber, "t/#", Qos::ExactlyOnce);
        cluster.settle();
        let mut published = 0;
        while published < 12 {
            let qos = runs::QOS[1 + published % 2];
            cluster.publish_one(publisher, "t/0", qos, false);
            published = cluster.clients[publisher].sent.len();
            while cluster.read(publisher) || cluster.settle_shards() {}
        }
        // Some steps of the first handshakes are done, and more wait than may be under way.
        (0..seed % 5).for_each(|_| _ = cluster.read(subscriber));
        cluster.part();
        cluster.settle();
        let client = &cluster.clients[subscriber];
        let got: Vec<_> = client.got.iter().map(|got| got.payload.clone()).collect();
        assert_eq!(got, (0..12).map(|n| format!("{publisher}:{n}")).collect::<Vec<_>>(), "seed {seed}");
        assert!(cluster.clients[publisher].unfinished.is_empty());
        resettled += cluster.resettled;
    }
    assert!(resettled > 10, "{resettled}");
}
