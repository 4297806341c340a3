//! Delimiters, nesting, and what stands outside the parts.

use super::{Case, attached, attachment, mime_head, mixed, parts, payload};

const OUTER: &str = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
const TEXT: &str = "--b\r\nContent-Type: text/plain\r\n\r\nSegue.\r\n";

fn case(name: &str, body: &str) -> Case {
    Case::new(name, format!("{}{OUTER}{body}", mime_head()))
}

fn multipart(boundary: &str, inner: &str) -> String {
    format!("Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n{inner}")
}

/// The attachment in so many multiparts.
fn deep(times: usize) -> Case {
    let innermost = parts("b0", &[&attached()]);
    let all = (1..times).fold(multipart("b0", &innermost), |inner, n| {
        multipart(&format!("b{n}x"), &format!("--b{n}x\r\n{inner}\r\n--b{n}x--\r\n"))
    });
    Case::new(format!("{times} multiparts, one in the other"), mime_head() + &all)
}

fn messages(times: usize) -> Case {
    let all = (0..times)
        .fold(mixed(&attached()), |inner, _| format!("{}Content-Type: message/rfc822\r\n\r\n{inner}", mime_head()));
    Case::new(format!("{times} messages, one in the other"), all)
}

pub fn cases() -> Vec<Case> {
    let file = attached();
    let inner_message = mixed(&file);
    let rfc822 = |encoding: &str, body: &str| {
        mixed(&format!("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{body}"))
    };
    let encoded = |encoding: &str, body: &str| {
        let fields =
            format!("Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n");
        mime_head() + &fields + body
    };
    let whole = parts("b", &[&file]);
    let escaped = whole.replace('=', "=3D");
    let quarter = payload::base64_word(&payload::test_file());
    let (one, two) = quarter.split_at(40);
    vec![
        case("a part behind the closing delimiter", &format!("{TEXT}--b--\r\n--b\r\n{file}\r\n--b--\r\n")),
        case("a part behind two closing delimiters", &format!("{TEXT}--b--\r\n--b--\r\n--b\r\n{file}\r\n--b--\r\n")),
        case("a part without delimiter behind the closing one", &format!("{TEXT}--b--\r\n{file}\r\n")),
        case(
            "a part of another boundary behind the closing one",
            &format!("{TEXT}--b--\r\n--c\r\n{file}\r\n--c--\r\n"),
        ),
        case("a part before the first delimiter", &format!("{file}\r\n{TEXT}--b--\r\n"))
            .harmless("no reader shows what stands there"),
        case("no closing delimiter", &format!("{TEXT}--b\r\n{file}")),
        case("white space behind the first delimiter", &format!("--b \r\n{file}\r\n--b\r\n\r\nx\r\n--b--\r\n")),
        case("a tab behind the closing delimiter", &format!("{TEXT}--b\r\n{file}\r\n--b--\t\r\n")),
        case("white space behind the delimiters", &format!("{TEXT}--b \t\r\n{file}\r\n--b-- \r\n")),
        case("a delimiter with a word behind it", &format!("{TEXT}--b x\r\n{file}\r\n--b--\r\n")),
        case("a delimiter with letters behind it", &format!("{TEXT}--bx\r\n{file}\r\n--b--\r\n")),
        case("a closing delimiter with letters behind it", &format!("{TEXT}--b--x\r\n--b\r\n{file}\r\n--b--\r\n")),
        case("a closing delimiter with a space inside", &format!("{TEXT}--b --\r\n--b\r\n{file}\r\n--b--\r\n")),
        case("half a closing delimiter", &format!("{TEXT}--b-\r\n{file}\r\n--b--\r\n")),
        case("a space before the delimiter", &format!("{TEXT} --b\r\n{file}\r\n--b--\r\n"))
            .harmless("to every reader it is a line of the text above it"),
        case("a delimiter with two thousand spaces", &format!("{TEXT}--b{}\r\n{file}\r\n--b--\r\n", " ".repeat(900))),
        case("a delimiter with a NUL behind it", &format!("{TEXT}--b\0\r\n{file}\r\n--b--\r\n")),
        case(
            "the other boundary is the delimiter's beginning",
            &format!("{TEXT}--b\r\n{}\r\n--b--\r\n", multipart("bc", &parts("bc", &[&file]))),
        ),
        case("the delimiter's beginning is the other boundary", &{
            let inner = parts("b", &[&file]);
            format!("--bc\r\n{}\r\n--bc--\r\n", multipart("b", &inner))
        }),
        case(
            "the same boundary inside",
            &format!("{TEXT}--b\r\n{}\r\n--b--\r\n", multipart("b", &parts("b", &[&file]))),
        ),
        case(
            "an inner multipart that is not closed",
            &format!("--b\r\n{}\r\n--b--\r\n", multipart("c", &format!("--c\r\n{file}"))),
        ),
        case(
            "an inner multipart closed by the outer one, which goes on",
            &format!(
                "--b\r\n{}--b\r\n\r\nx\r\n--c\r\n{file}\r\n--c--\r\n--b--\r\n",
                multipart("c", "--c\r\n\r\nx\r\n")
            ),
        )
        .harmless("the delimiter belongs to nothing that is open: every reader takes it for text"),
        case("a part that begins with its blank line", &format!("--b\r\n\r\n{file}\r\n--b--\r\n"))
            .harmless("to every reader the fields are the text of that part"),
        case(
            "a part without blank line",
            &format!("{TEXT}--b\r\n{}{}--b--\r\n", attachment("base64"), payload::base64()),
        ),
        case("a part with a line that is no field", &format!("{TEXT}--b\r\nnao e um campo\r\n{file}\r\n--b--\r\n")),
        case("a part with a folded first line", &format!("{TEXT}--b\r\n x\r\n{file}\r\n--b--\r\n")),
        case(
            "an attachment cut by a near delimiter",
            &format!("{TEXT}--b\r\n{}\r\n{}\r\n--b-\r\n{}\r\n--b--\r\n", attachment("base64"), one, two),
        ),
        case("a digest of messages", &{
            format!(
                "--b\r\n{}\r\n--b--\r\n",
                format_args!("Content-Type: multipart/digest; boundary=d\r\n\r\n--d\r\n\r\n{inner_message}\r\n--d--")
            )
        }),
        Case::new(
            "a message in base64",
            rfc822("base64", &payload::lines(&payload::base64_word(inner_message.as_bytes()), 76)),
        ),
        Case::new("a message in quoted-printable", rfc822("quoted-printable", &inner_message.replace('=', "=3D"))),
        Case::new("a message that says it is in base64 and is not", rfc822("base64", &inner_message)),
        Case::new(
            "a multipart in base64",
            encoded("base64", &payload::lines(&payload::base64_word(whole.as_bytes()), 76)),
        ),
        Case::new("a multipart that says it is in base64 and is not", encoded("base64", &whole)),
        Case::new("a multipart in quoted-printable", encoded("quoted-printable", &escaped.replace("--b", "=2D-b"))),
        Case::new("a multipart that says quoted-printable and is not", encoded("quoted-printable", &whole)),
        Case::new("a multipart in an unknown encoding", encoded("x-unknown", &whole)),
        deep(2),
        deep(6),
        deep(20),
        deep(60),
        messages(1),
        messages(5),
        messages(20),
        messages(60),
        case("two thousand parts before it", &format!("{}--b\r\n{file}\r\n--b--\r\n", "--b\r\n\r\nx\r\n".repeat(2000))),
        case(
            "ten thousand lines before the first delimiter",
            &format!("{}{TEXT}--b\r\n{file}\r\n--b--\r\n", "x\r\n".repeat(10_000)),
        ),
        case(
            "two hundred fields in the part",
            &format!("{TEXT}--b\r\n{}{file}\r\n--b--\r\n", "X-A: 1\r\n".repeat(200)),
        ),
        case(
            "a field of 80 KiB in the part",
            &format!("{TEXT}--b\r\nX-A: {}\r\n{file}\r\n--b--\r\n", "y".repeat(80_000)),
        ),
        case(
            "a hundred Content fields in the part",
            &format!("{TEXT}--b\r\n{}{file}\r\n--b--\r\n", "Content-X: 1\r\n".repeat(100)),
        ),
    ]
}
