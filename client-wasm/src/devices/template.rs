//! The small part of Jinja2 that device configurations are written in: values with filters, arithmetic, comparisons and
//! `if`, no loops and no assignments. A template is evaluated as it is read, so its length bounds its work.
//!
//! Knows no device. What it does not understand it says so ([`Obscure`]), instead of a guess.

mod filters;

use std::rc::Rc;

use crate::text;

use super::json::Json;
use super::value::Num;

/// Bytes a template may have.
const MAX_BYTES: usize = 4_096;
/// Expressions in each other.
const MAX_DEPTH: u8 = 20;

/// A template that is understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Rc<str>);

/// The template asks for something that is not known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Obscure;

/// A value of an expression; none when it is not defined.
type Got = Result<Option<Json>, Obscure>;

impl Template {
    /// Takes a template if all of it is understood.
    #[must_use]
    pub fn new(source: &str) -> Option<Self> {
        let template = Self(source.into());
        (source.len() <= MAX_BYTES && template.render("0", None).is_ok()).then_some(template)
    }

    /// How it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.0
    }

    /// The text it makes of a payload.
    ///
    /// # Errors
    /// When it asks for something that is not known here.
    pub fn render(&self, value: &str, json: Option<&Json>) -> Result<String, Obscure> {
        let mut out = String::new();
        // Of each `if` around: whether it speaks now, and whether one of its branches did.
        let mut blocks: Vec<(bool, bool)> = Vec::new();
        let mut rest: &str = &self.0;
        while let Some(at) = rest.find('{') {
            let (plain, tag) = rest.split_at(at);
            let speaks = blocks.iter().all(|(speaks, _)| *speaks);
            let (end, length) = match tag.as_bytes().get(1) {
                Some(b'{') => ("}}", 2),
                Some(b'%') => ("%}", 2),
                Some(b'#') => ("#}", 2),
                _ => ("", 1),
            };
            if speaks {
                out.push_str(plain);
            }
            if end.is_empty() {
                if speaks {
                    out.push('{');
                }
                rest = &tag[length..];
                continue;
            }
            let (inside, behind) = text::cut(&tag[length..], end).ok_or(Obscure)?;
            let mut expression = Expression { rest: inside.trim_matches('-'), value, json, depth: 0 };
            rest = if inside.ends_with('-') { behind.trim_start() } else { behind };
            if inside.starts_with('-') {
                out.truncate(out.trim_end().len());
            }
            match end {
                "}}" => {
                    let got = expression.whole()?;
                    if speaks {
                        out.push_str(&shown(got.as_ref()));
                    }
                }
                "%}" => expression.block(&mut blocks)?,
                _ => {}
            }
        }
        out.push_str(rest);
        blocks.is_empty().then_some(out).ok_or(Obscure)
    }
}

struct Expression<'a> {
    rest: &'a str,
    value: &'a str,
    json: Option<&'a Json>,
    depth: u8,
}

impl<'a> Expression<'a> {
    fn block(&mut self, blocks: &mut Vec<(bool, bool)>) -> Result<(), Obscure> {
        match self.name().ok_or(Obscure)? {
            "if" => {
                let is_true = truth(self.whole()?.as_ref());
                blocks.push((is_true, is_true));
            }
            "elif" => {
                let is_true = truth(self.whole()?.as_ref());
                let (speaks, spoke) = blocks.last_mut().ok_or(Obscure)?;
                *speaks = is_true && !*spoke;
                *spoke |= is_true;
            }
            "else" => {
                let (speaks, spoke) = blocks.last_mut().ok_or(Obscure)?;
                *speaks = !*spoke;
            }
            "endif" => drop(blocks.pop().ok_or(Obscure)?),
            _ => return Err(Obscure),
        }
        Ok(())
    }

    fn whole(&mut self) -> Got {
        let got = self.choice()?;
        if self.rest.trim().is_empty() { Ok(got) } else { Err(Obscure) }
    }

    /// `a if b else c`
    fn choice(&mut self) -> Got {
        self.deeper()?;
        let first = self.either()?;
        let got = if self.word("if") {
            let is_true = truth(self.either()?.as_ref());
            let other = if self.word("else") { self.choice()? } else { None };
            if is_true { first } else { other }
        } else {
            first
        };
        self.depth -= 1;
        Ok(got)
    }

    fn deeper(&mut self) -> Result<(), Obscure> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(Obscure) } else { Ok(()) }
    }

    fn either(&mut self) -> Got {
        let mut got = self.both()?;
        while self.word("or") {
            let other = self.both()?;
            if !truth(got.as_ref()) {
                got = other;
            }
        }
        Ok(got)
    }

    fn both(&mut self) -> Got {
        let mut got = self.compared()?;
        while self.word("and") {
            let other = self.compared()?;
            if truth(got.as_ref()) {
                got = other;
            }
        }
        Ok(got)
    }

    fn compared(&mut self) -> Got {
        if self.word("not") {
            self.deeper()?;
            let got = self.compared()?;
            return Ok(Some(Json::Bool(!truth(got.as_ref()))));
        }
        let left = self.sum()?;
        if self.word("is") {
            let wanted = !self.word("not");
            let is_so = match self.name().ok_or(Obscure)? {
                "defined" => left.is_some(),
                "none" => matches!(left, Some(Json::Null)),
                _ => return Err(Obscure),
            };
            return Ok(Some(Json::Bool(is_so == wanted)));
        }
        if self.word("in") {
            let right = self.sum()?.unwrap_or(Json::Null);
            let is_in = match (&left, &right) {
                (Some(left), Json::List(items)) => items.contains(left),
                (Some(left), Json::Text(text)) => text::has(text, left.plain().unwrap_or_default()),
                _ => false,
            };
            return Ok(Some(Json::Bool(is_in)));
        }
        let Some(sign) = ["==", "!=", "<=", ">=", "<", ">"].into_iter().find(|sign| self.sign(sign)) else {
            return Ok(left);
        };
        let right = self.sum()?;
        let order = match (number(left.as_ref()), number(right.as_ref())) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => None,
        };
        let is_equal = order.map_or(left == right, std::cmp::Ordering::is_eq);
        let is_so = match sign {
            "==" => is_equal,
            "!=" => !is_equal,
            "<" => order.is_some_and(std::cmp::Ordering::is_lt),
            ">" => order.is_some_and(std::cmp::Ordering::is_gt),
            "<=" => order.is_some_and(std::cmp::Ordering::is_le),
            _ => order.is_some_and(std::cmp::Ordering::is_ge),
        };
        Ok(Some(Json::Bool(is_so)))
    }

    fn sum(&mut self) -> Got {
        let mut got = self.product()?;
        loop {
            got = if self.sign("~") {
                let other = self.product()?;
                Some(Json::Text(shown(got.as_ref()) + &shown(other.as_ref())))
            } else if self.sign("+") {
                let other = self.product()?;
                match (&got, &other) {
                    (Some(Json::Text(a)), Some(Json::Text(b))) => Some(Json::Text(format!("{a}{b}"))),
                    _ => arithmetic(got.as_ref(), other.as_ref(), |a, b| Num(a.0.saturating_add(b.0))),
                }
            } else if self.sign("-") {
                let other = self.product()?;
                arithmetic(got.as_ref(), other.as_ref(), |a, b| Num(a.0.saturating_sub(b.0)))
            } else {
                return Ok(got);
            };
        }
    }

    fn product(&mut self) -> Got {
        let mut got = self.part()?;
        loop {
            got = if self.sign("*") {
                let other = self.part()?;
                arithmetic(got.as_ref(), other.as_ref(), Num::times)
            } else if self.sign("/") {
                let other = self.part()?;
                arithmetic(got.as_ref(), other.as_ref(), Num::over)
            } else {
                return Ok(got);
            };
        }
    }

    /// A value with what is picked out of it and done to it.
    fn part(&mut self) -> Got {
        let mut got = self.atom()?;
        loop {
            got = if self.sign(".") {
                let name = self.name().ok_or(Obscure)?;
                got.and_then(|got| got.get(name).cloned())
            } else if self.sign("[") {
                let step = self.choice()?;
                if !self.sign("]") {
                    return Err(Obscure);
                }
                let step = step.as_ref().and_then(Json::plain).unwrap_or_default();
                got.and_then(|got| match &got {
                    Json::List(items) => items.get(text::place(step)?).cloned(),
                    _ => got.get(step).cloned(),
                })
            } else if self.sign("|") {
                let name = self.name().ok_or(Obscure)?;
                let arguments = if self.sign("(") { self.list(")")? } else { Vec::new() };
                filters::apply(name, got, &arguments)?
            } else {
                return Ok(got);
            };
        }
    }

    fn atom(&mut self) -> Got {
        self.rest = self.rest.trim_start();
        let first = self.rest.chars().next().ok_or(Obscure)?;
        match first {
            '\'' | '"' => {
                let (text, rest) = self.rest[1..].split_once(first).ok_or(Obscure)?;
                self.rest = rest;
                Ok(Some(Json::Text(text.to_owned())))
            }
            '0'..='9' => {
                let is_part = |c: char| c.is_ascii_digit() || c == '.';
                let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
                let (digits, rest) = self.rest.split_at(end);
                self.rest = rest;
                Ok(Some(Json::Number(digits.to_owned())))
            }
            '-' => {
                self.rest = &self.rest[1..];
                self.deeper()?;
                let got = self.part()?;
                Ok(arithmetic(got.as_ref(), got.as_ref(), |a, _| Num(-a.0)))
            }
            '(' => {
                self.rest = &self.rest[1..];
                let got = self.choice()?;
                if self.sign(")") { Ok(got) } else { Err(Obscure) }
            }
            '[' => {
                self.rest = &self.rest[1..];
                let items = self.list("]")?.into_iter().map(|item| item.unwrap_or(Json::Null));
                Ok(Some(Json::List(items.collect())))
            }
            _ => match self.name().ok_or(Obscure)? {
                "value" | "position" => Ok(Some(Json::Text(self.value.to_owned()))),
                "value_json" => Ok(self.json.cloned()),
                "true" | "True" => Ok(Some(Json::Bool(true))),
                "false" | "False" => Ok(Some(Json::Bool(false))),
                "none" | "None" => Ok(Some(Json::Null)),
                _ => Err(Obscure),
            },
        }
    }

    fn list(&mut self, end: &str) -> Result<Vec<Option<Json>>, Obscure> {
        let mut items = Vec::new();
        while !self.sign(end) {
            items.push(self.choice()?);
            if !self.sign(",") && !self.rest.trim_start().starts_with(end) {
                return Err(Obscure);
            }
        }
        Ok(items)
    }

    fn sign(&mut self, sign: &str) -> bool {
        let rest = self.rest.trim_start();
        let found = rest.strip_prefix(sign);
        self.rest = found.unwrap_or(rest);
        found.is_some()
    }

    fn word(&mut self, word: &str) -> bool {
        let before = self.rest;
        let found = self.name() == Some(word);
        if !found {
            self.rest = before;
        }
        found
    }

    fn name(&mut self) -> Option<&'a str> {
        let rest = self.rest.trim_start();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        let is_name = name.starts_with(|c: char| !c.is_ascii_digit());
        is_name.then(|| self.rest = rest)?;
        Some(name)
    }
}

fn arithmetic(a: Option<&Json>, b: Option<&Json>, act: impl FnOnce(Num, Num) -> Num) -> Option<Json> {
    Some(Json::Number(act(number(a)?, number(b)?).to_string()))
}

/// A number, not a text of digits.
fn number(got: Option<&Json>) -> Option<Num> {
    match got? {
        Json::Number(text) => Num::read(text),
        _ => None,
    }
}

fn truth(got: Option<&Json>) -> bool {
    match got {
        None | Some(Json::Null | Json::Bool(false)) => false,
        Some(Json::Bool(true)) => true,
        Some(Json::Number(text)) => Num::read(text) != Some(Num(0)),
        Some(Json::Text(text)) => !text.is_empty(),
        Some(Json::List(items)) => !items.is_empty(),
        Some(Json::Map(members)) => !members.is_empty(),
    }
}

/// As Jinja2 prints it.
fn shown(got: Option<&Json>) -> String {
    match got {
        Some(Json::Bool(true)) => "True".to_owned(),
        Some(Json::Bool(false)) => "False".to_owned(),
        Some(Json::Null) => "None".to_owned(),
        Some(json) => json.plain().unwrap_or_default().to_owned(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests;
