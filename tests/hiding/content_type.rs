//! The field that names the boundary, written so that readers read different boundaries, or none.

use super::{Case, HEAD, attached, mime_head, parts};

/// The attachment between `--b`, under a header section that says this of the body.
fn case(name: &str, fields: &str) -> Case {
    between(name, fields, "b")
}

fn between(name: &str, fields: &str, boundary: &str) -> Case {
    Case::new(name, format!("{}{fields}\r\n\r\n{}", mime_head(), parts(boundary, &[&attached()])))
}

pub fn cases() -> Vec<Case> {
    let long = |octets: usize| "b".repeat(octets);
    let mut cases = vec![
        case("two boundaries, the first one used", "Content-Type: multipart/mixed; boundary=b; boundary=c"),
        case("two boundaries, the last one used", "Content-Type: multipart/mixed; boundary=c; boundary=b"),
        case("two boundaries, one of RFC 2231", "Content-Type: multipart/mixed; boundary=c; boundary*=us-ascii''b"),
        case("two types, multipart first", "Content-Type: multipart/mixed; boundary=b\r\nContent-Type: text/plain"),
        case("two types, multipart last", "Content-Type: text/plain\r\nContent-Type: multipart/mixed; boundary=b"),
        case(
            "two types, two boundaries, the first one used",
            "Content-Type: multipart/mixed; boundary=b\r\nContent-Type: multipart/mixed; boundary=c",
        ),
        case(
            "two types, two boundaries, the last one used",
            "Content-Type: multipart/mixed; boundary=c\r\nContent-Type: multipart/mixed; boundary=b",
        ),
        case(
            "two types in two cases of letters",
            "content-type: text/plain\r\nCONTENT-TYPE: multipart/mixed; boundary=b",
        ),
        case("boundary in RFC 2231 characters", "Content-Type: multipart/mixed; boundary*=us-ascii''b"),
        case("boundary in RFC 2231 characters, escaped", "Content-Type: multipart/mixed; boundary*=us-ascii''%62"),
        between("boundary in two sections", "Content-Type: multipart/mixed; boundary*0=b; boundary*1=c", "bc"),
        between("boundary in sections out of order", "Content-Type: multipart/mixed; boundary*1=c; boundary*0=b", "bc"),
        between(
            "boundary in a repeated section",
            "Content-Type: multipart/mixed; boundary*0=b; boundary*0=c; boundary*1=d",
            "bd",
        ),
        case("boundary as an encoded word", "Content-Type: multipart/mixed; boundary=\"=?us-ascii?q?b?=\""),
        case("boundary as an encoded word of base64", "Content-Type: multipart/mixed; boundary==?us-ascii?b?Yg==?="),
        case("whole field as an encoded word", "Content-Type: =?us-ascii?q?multipart/mixed=3B_boundary=3Db?="),
        case("type as an encoded word", "Content-Type: =?us-ascii?q?multipart/mixed?=; boundary=b"),
        case("comment before the type", "Content-Type: (x) multipart/mixed; boundary=b"),
        case("comment inside the type", "Content-Type: multipart(x)/mixed; boundary=b"),
        case("comment before the boundary", "Content-Type: multipart/mixed; (boundary=c;) boundary=b"),
        case("comment behind the boundary's name", "Content-Type: multipart/mixed; boundary(x)=b"),
        case("comment behind the boundary", "Content-Type: multipart/mixed; boundary=b(x)"),
        case(
            "comment that nests and hides a boundary",
            "Content-Type: multipart/mixed; (a (b) ; boundary=c) boundary=b",
        ),
        case("boundary with an escape", "Content-Type: multipart/mixed; boundary=\"\\b\""),
        case("boundary with an open quote", "Content-Type: multipart/mixed; boundary=\"b"),
        case("boundary in single quotes", "Content-Type: multipart/mixed; boundary='b'"),
        between("boundary in single quotes, used with them", "Content-Type: multipart/mixed; boundary='b'", "'b'"),
        case("boundary with a word behind its quotes", "Content-Type: multipart/mixed; boundary=\"b\"c"),
        case("boundary with a word behind it", "Content-Type: multipart/mixed; boundary=b c"),
        between("boundary with a quote inside", "Content-Type: multipart/mixed; boundary=b\"c\"", "bc"),
        case("boundary that ends in a space", "Content-Type: multipart/mixed; boundary=\"b \""),
        case("boundary that begins with a space", "Content-Type: multipart/mixed; boundary=\" b\""),
        between("empty boundary", "Content-Type: multipart/mixed; boundary=\"\"", ""),
        between("boundary of one space", "Content-Type: multipart/mixed; boundary=\" \"", " "),
        between("boundary with a NUL", "Content-Type: multipart/mixed; boundary=\"b\0c\"", "b"),
        between(
            "boundary with a NUL in the delimiters too",
            "Content-Type: multipart/mixed; boundary=\"b\0c\"",
            "b\0c",
        ),
        between("boundary with a tab", "Content-Type: multipart/mixed; boundary=\"b\tc\"", "b\tc"),
        between("boundary with a vertical tab", "Content-Type: multipart/mixed; boundary=\"b\x0bc\"", "b\x0bc"),
        between("boundary with DEL", "Content-Type: multipart/mixed; boundary=\"b\x7fc\"", "b\x7fc"),
        between("boundary with 8-bit letters", "Content-Type: multipart/mixed; boundary=\"bç\"", "bç"),
        between("boundary of 71 octets", &format!("Content-Type: multipart/mixed; boundary={}", long(71)), &long(71)),
        between(
            "boundary of 71 octets, used as 70",
            &format!("Content-Type: multipart/mixed; boundary={}", long(71)),
            &long(70),
        ),
        between(
            "boundary of 300 octets",
            &format!("Content-Type: multipart/mixed;\r\n boundary={}", long(300)),
            &long(300),
        ),
        between(
            "boundary of 300 octets, used as 256",
            &format!("Content-Type: multipart/mixed;\r\n boundary={}", long(300)),
            &long(256),
        ),
        between(
            "boundary of 990 octets",
            &format!("Content-Type: multipart/mixed;\r\n boundary={}", long(970)),
            &long(970),
        ),
        between("boundary with an unquoted equals sign", "Content-Type: multipart/mixed; boundary=----=_b", "----=_b"),
        between("boundary with unquoted specials", "Content-Type: multipart/mixed; boundary=<b@c/d:e>", "<b@c/d:e>"),
        between("boundary with a quoted semicolon", "Content-Type: multipart/mixed; boundary=\"b;c\"", "b;c"),
        between(
            "boundary with a quoted semicolon and another inside",
            "Content-Type: multipart/mixed; boundary=\"b; boundary=c\"",
            "c",
        ),
        case(
            "boundary hidden in another parameter",
            "Content-Type: multipart/mixed; x=\"; boundary=c; y=\"; boundary=b",
        ),
        case("spaces around the equals sign", "Content-Type: multipart/mixed; boundary = \"b\""),
        case("space before the equals sign", "Content-Type: multipart/mixed; boundary =b"),
        case("no semicolon", "Content-Type: multipart/mixed boundary=b"),
        case("a comma for the semicolon", "Content-Type: multipart/mixed, boundary=b"),
        case("semicolons that stand alone", "Content-Type: multipart/mixed;;;; boundary=b;;"),
        case("a parameter without value before the boundary", "Content-Type: multipart/mixed; x; boundary=b"),
        case("a parameter with a colon before the boundary", "Content-Type: multipart/mixed; x:y=1; boundary=b"),
        case("a parameter with 8-bit letters before the boundary", "Content-Type: multipart/mixed; ç=1; boundary=b"),
        case("a parameter with an open quote before the boundary", "Content-Type: multipart/mixed; x=\"1; boundary=b"),
        case(
            "two hundred parameters before the boundary",
            &format!("Content-Type: multipart/mixed{}; boundary=b", ";\r\n x=1".repeat(200)),
        ),
        case("no boundary", "Content-Type: multipart/mixed"),
        case("another boundary", "Content-Type: multipart/mixed; boundary=c"),
        case("capital letters", "CONTENT-TYPE: MULTIPART/MIXED; BOUNDARY=b"),
        between(
            "boundary in capitals, delimiters in small letters",
            "Content-Type: multipart/mixed; boundary=BB",
            "bb",
        ),
        case("folded at every place", "Content-Type:\r\n multipart/mixed\r\n ;\r\n boundary\r\n =\r\n b"),
        case("a line of white space inside the field", "Content-Type: multipart/mixed;\r\n \r\n boundary=b"),
        case("a line of white space above the field", "X-A: 1\r\n \r\nContent-Type: multipart/mixed; boundary=b"),
        case("the boundary on a line that is not folded", "Content-Type: multipart/mixed;\r\nboundary=b"),
        case("white space before the colon", "Content-Type : multipart/mixed; boundary=b"),
        case("a tab before the colon", "Content-Type\t: multipart/mixed; boundary=b"),
        case("no space behind the colon", "Content-Type:multipart/mixed;boundary=b"),
        case("a line that is no field above", "isto nao e um campo\r\nContent-Type: multipart/mixed; boundary=b"),
        case("a line of a mailbox file above", "From a@b Sat Nov 21\r\nContent-Type: multipart/mixed; boundary=b"),
        case("a field without name above", ": x\r\nContent-Type: multipart/mixed; boundary=b"),
        case("spaces around the slash", "Content-Type: multipart / mixed; boundary=b"),
        case("no subtype", "Content-Type: multipart; boundary=b"),
        case("an empty subtype", "Content-Type: multipart/; boundary=b"),
        case("an unknown subtype", "Content-Type: multipart/x-unknown; boundary=b"),
        case("a type in quotes", "Content-Type: \"multipart/mixed\"; boundary=b"),
        case("two slashes", "Content-Type: multipart/mixed/x; boundary=b"),
        case("a NUL in the type", "Content-Type: multi\0part/mixed; boundary=b"),
        case("a NUL behind the type", "Content-Type: multipart/mixed\0; boundary=b"),
        case("a no-break space before the type", "Content-Type: \u{a0}multipart/mixed; boundary=b"),
        case(
            "70 KiB of parameters",
            &format!(
                "Content-Type: multipart/mixed{}; boundary=b",
                format!(";\r\n x=\"{}\"", "y".repeat(900)).repeat(78)
            ),
        ),
        case("another version of MIME", "MIME-Version: 2.0\r\nContent-Type: multipart/mixed; boundary=b"),
    ];
    let no_mime = format!("{HEAD}Content-Type: multipart/mixed; boundary=b\r\n\r\n{}", parts("b", &[&attached()]));
    cases.push(Case::new("no version of MIME", no_mime));
    let no_blank =
        format!("{}Content-Type: multipart/mixed; boundary=b\r\n{}", mime_head(), parts("b", &[&attached()]));
    cases.push(Case::new("no blank line before the first delimiter", no_blank));
    cases
}
