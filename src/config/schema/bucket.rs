//! `[quarantine] content` and `[quarantine.s3]`: a bucket, where several nodes find what is held.

use std::path::{Path, PathBuf};

use super::super::{
    defaults::{GIB, MIB},
    quantity::size,
};
use crate::{
    document::{Found, Table},
    store::settings::{BucketPlace, EndpointFault, is_bucket, is_prefix},
    text,
};

/// The bucket of `[quarantine]`; none: content stays on the node's own disk.
pub(super) fn read(quarantine: &Table<'_, '_>, folder: &Path) -> Option<BucketPlace> {
    let wanted = quarantine.choice("content", &[("local", false), ("s3", true)], false);
    let Some(table) = quarantine.table("s3") else {
        if wanted {
            let what =
                text!("`content = \"s3\"` needs [quarantine.s3]", "`content = \"s3\"` precisa de [quarantine.s3]");
            quarantine.document().fault(quarantine.span_of("content"), what, None);
        }
        return None;
    };
    let place = place(&table, folder);
    if !wanted {
        let what = text!(
            "[quarantine.s3] does nothing without `content = \"s3\"` in [quarantine]",
            "[quarantine.s3] não faz nada sem `content = \"s3\"` em [quarantine]"
        );
        table.document().fault(table.span(), what, None);
    }
    table.finish();
    place.filter(|_| wanted)
}

fn place(table: &Table<'_, '_>, folder: &Path) -> Option<BucketPlace> {
    let endpoint = table.required::<String>("endpoint");
    let bucket = table.required::<String>("bucket");
    let in_clear = table.or("in_clear", false);
    let prefix = named(table, "prefix", is_prefix);
    let region = table.optional::<String>("region");
    let path_style = table.or("path_style", true);
    let credentials = table.optional::<PathBuf>("credentials").map(|file| folder.join(file.value));
    let spool = size(table, "spool", 4 * GIB, MIB..=1_048_576 * GIB);
    if let Some(bucket) = &bucket
        && !is_bucket(&bucket.value)
    {
        let what = text!("`bucket` is no bucket's name", "`bucket` não é nome de bucket");
        table.document().fault(bucket.span.clone(), what, None);
    }
    let mut place = reached(table, &endpoint?, in_clear, &bucket?.value)?;
    place.prefix = prefix;
    place.region = region.map_or(place.region, |region| region.value);
    (place.path_style, place.credentials, place.spool) = (path_style, credentials, spool);
    Some(place)
}

fn reached(table: &Table<'_, '_>, endpoint: &Found<String>, in_clear: bool, bucket: &str) -> Option<BucketPlace> {
    let (what, help) = match BucketPlace::new(&endpoint.value, in_clear, bucket) {
        Ok(place) => return Some(place),
        Err(EndpointFault::NotHttp) => (
            text!(
                "`endpoint` is https://HOST or https://HOST:PORT, and nothing behind it",
                "`endpoint` é https://HOST ou https://HOST:PORTA, e nada depois"
            ),
            None,
        ),
        Err(EndpointFault::InClear) => (
            text!(
                "`endpoint` leaves this machine without TLS: whoever is on the way could exchange what is held",
                "`endpoint` sai desta máquina sem TLS: quem estiver no caminho pode trocar o que está retido"
            ),
            Some(text!(
                "write https://, or `in_clear = true` if the network itself is encrypted",
                "escreva https://, ou `in_clear = true` se a própria rede for cifrada"
            )),
        ),
    };
    table.document().fault(endpoint.span.clone(), what, help);
    None
}

fn named(table: &Table<'_, '_>, key: &'static str, is_good: fn(&str) -> bool) -> String {
    let Some(found) = table.optional::<String>(key) else { return String::new() };
    if !is_good(&found.value) {
        let what = text!(
            "`{key}` has letters, digits and `._-` between single slashes, and none at its ends",
            "`{key}` tem letras, dígitos e `._-` entre barras simples, e nenhuma nas pontas"
        );
        table.document().fault(found.span, what, None);
    }
    found.value
}
