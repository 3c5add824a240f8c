//! The results as JUnit's XML, which CI systems read.

use super::Tested;
use std::time::Duration;

/// The whole document.
pub(super) fn document(name: &str, results: &[Tested], took: Duration) -> String {
    let failed = results.iter().filter(|r| r.failure.is_some()).count();
    let name = escaped(name);
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites>\n\
         <testsuite name=\"{name}\" tests=\"{}\" failures=\"{failed}\" errors=\"0\" time=\"{:.3}\">\n",
        results.len(),
        took.as_secs_f64()
    );
    for result in results {
        let case = format!("line {}: {}", result.number, result.text);
        xml.push_str(&format!(
            "<testcase classname=\"{name}\" name=\"{}\" time=\"{:.3}\"",
            escaped(&case),
            result.took.as_secs_f64()
        ));
        match &result.failure {
            None => xml.push_str("/>\n"),
            Some(why) => {
                let first = why.lines().next().unwrap_or_default();
                let (first, why) = (escaped(first), escaped(why));
                xml.push_str(&format!(
                    "><failure message=\"{first}\">{why}</failure></testcase>\n"
                ));
            }
        }
    }
    xml.push_str("</testsuite>\n</testsuites>\n");
    xml
}

/// The five characters that XML keeps for itself; others it forbids were made visible before.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            c => out.push(c),
        }
    }
    out
}
