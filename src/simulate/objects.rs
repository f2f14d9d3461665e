//! Records packed into gzip objects with the keys that Bedrock gives them.

use libdeflater::{CompressionLvl, Compressor};

use super::body;
use super::call::Call;
use super::fleet::Quirks;
use super::random::Random;
use super::record::{self, Place};
use super::{Object, Spec, Summary};

/// Raw bytes at which an object is closed early. The mean of real objects is of this order.
const OBJECT_BYTES: usize = 2_750_000;

/// Request bodies above this many bytes lie beside the log.
const SIDECAR_BYTES: usize = 104_000;

/// Name of the empty object that the console writes when logging is set up.
const PERMISSION_CHECK: &str = "amazon-bedrock-logs-permission-check";

/// A call with the quirks of its record.
pub(crate) struct Delivery {
    pub(crate) call: Call,
    pub(crate) pretty: bool,
    pub(crate) joined: bool,
    /// The second copy of a record.
    pub(crate) again: bool,
}

/// Packs the deliveries of one place, hour after hour.
pub(crate) struct Packer<'a> {
    spec: &'a Spec,
    place: &'a Place,
    quirks: Quirks,
    random: Random,
    compressor: Compressor,
    /// Objects so far in this place.
    objects: u64,
    /// Time in the last key, milliseconds: keys of a place only grow.
    last_key_ms: i64,
    raw: String,
}

impl<'a> Packer<'a> {
    pub(crate) fn new(spec: &'a Spec, place: &'a Place, quirks: Quirks) -> Self {
        let level = CompressionLvl::new(spec.compression).unwrap_or_default();
        Self {
            spec,
            place,
            quirks,
            random: Random::of(spec.seed, &format!("{}/objects", place.prefix)),
            compressor: Compressor::new(level),
            objects: 0,
            last_key_ms: i64::MIN,
            raw: String::new(),
        }
    }

    /// Emits the objects of one hour; `deliveries` is in order of delivery.
    pub(crate) fn hour<E>(
        &mut self,
        deliveries: &[Delivery],
        summary: &mut Summary,
        emit: &mut dyn FnMut(Object) -> Result<(), E>,
    ) -> Result<(), E> {
        let slice_ms = 3_600_000 / i64::from(self.spec.objects_per_hour.max(1));
        let mut rest = deliveries.iter().peekable();
        while let Some(delivery) = rest.next() {
            self.write(delivery);
            summary.records += 1;
            summary.duplicates += u64::from(delivery.again);
            let now = delivery.call.delivered_ms;
            let closes = rest.peek().is_none_or(|next| {
                next.call.delivered_ms / slice_ms != now / slice_ms
                    || self.raw.len() >= OBJECT_BYTES
            });
            if closes {
                let object = self.close(now, summary);
                emit(object)?;
            }
        }
        self.sidecars(deliveries, summary, emit)
    }

    /// Emits the empty object beside the years.
    pub(crate) fn permission_check<E>(
        &mut self,
        summary: &mut Summary,
        emit: &mut dyn FnMut(Object) -> Result<(), E>,
    ) -> Result<(), E> {
        summary.permission_checks += 1;
        let key = format!("{}/{PERMISSION_CHECK}", self.place.prefix);
        emit(Object { key, bytes: Vec::new() })
    }

    fn write(&mut self, delivery: &Delivery) {
        let start = self.raw.len();
        record::write(&delivery.call, self.place, self.spec.bodies, &mut self.raw);
        if delivery.pretty {
            let parsed: Result<serde_json::Value, _> = serde_json::from_str(&self.raw[start..]);
            if let Ok(pretty) = parsed.and_then(|value| serde_json::to_string_pretty(&value)) {
                self.raw.truncate(start);
                self.raw.push_str(&pretty);
            }
        }
        if !delivery.joined {
            self.raw.push('\n');
        }
    }

    fn close(&mut self, now: i64, summary: &mut Summary) -> Object {
        let at = now.max(self.last_key_ms + 1);
        self.last_key_ms = at;
        let stamp = record::timestamp(at).replace(['-', ':', 'Z'], "");
        let key = format!(
            "{}/{}/{stamp}{:03}Z_{}.json.gz",
            self.place.prefix,
            record::hour_path(at),
            at.rem_euclid(1000),
            self.random.hex(16)
        );
        self.objects += 1;
        let raw = self.raw.as_bytes();
        // Members may end anywhere, also within a record.
        let several = self.quirks.members > 0
            && self.objects % self.quirks.members == self.quirks.members / 2;
        let cut = if several { raw.len() / 3 } else { 0 };
        let mut bytes = Vec::new();
        if several {
            gzip(&mut self.compressor, &raw[..cut], &mut bytes);
        }
        gzip(&mut self.compressor, &raw[cut..], &mut bytes);
        summary.objects += 1;
        summary.bytes += bytes.len() as u64;
        summary.raw_bytes += raw.len() as u64;
        self.raw.clear();
        Object { key, bytes }
    }

    fn sidecars<E>(
        &mut self,
        deliveries: &[Delivery],
        summary: &mut Summary,
        emit: &mut dyn FnMut(Object) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut offloaded: Vec<(String, &Call)> = deliveries
            .iter()
            .filter(|delivery| self.spec.bodies && !delivery.again)
            .map(|delivery| &delivery.call)
            .filter(|call| call.offloaded && !call.bodiless && call.outcome.is_ok())
            .map(|call| (record::sidecar_key(call, self.place), call))
            .collect();
        offloaded.sort_by(|a, b| a.0.cmp(&b.0));
        for (key, call) in offloaded {
            let (mut body, mut bytes) = (String::new(), Vec::new());
            body::request(call, Some(SIDECAR_BYTES), &mut body);
            gzip(&mut self.compressor, body.as_bytes(), &mut bytes);
            summary.sidecars += 1;
            emit(Object { key, bytes })?;
        }
        Ok(())
    }
}

/// Appends `raw` as one gzip member. Its header says no time and no name (libdeflate writes
/// neither).
fn gzip(compressor: &mut Compressor, raw: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + compressor.gzip_compress_bound(raw.len()), 0);
    // The only error is too little room, and the bound is never too little: then nothing is
    // written.
    let written = compressor.gzip_compress(raw, &mut out[start..]).unwrap_or_default();
    out.truncate(start + written);
}
