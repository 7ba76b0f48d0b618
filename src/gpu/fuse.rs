//! Fuses recorded ops into fewer dispatches. A dispatch costs a GPU some microseconds; a decoding step has hundreds of
//! them.
//!
//! A pure pass over the nodes. It looks for nodes that follow one another, and whose values nobody else reads:
//! - `y = w x; z = a + y` becomes one linear map that ends by adding `a`;
//! - `g = w x; u = v x; z = f(g) · u` becomes one linear map of `w` above `v`, where these lie so in memory;
//! - Q, K and V, the norms of Q's and K's heads where there are any, the rotations of Q and K, and attention become a
//!   linear map for each run of the three matrices that lie so in memory, the norms of their columns, and an attention
//!   that rotates as it stores K and V.
//!
//! What does not fit a pattern stays as it is.

use super::record::{Columns, Epilogue, Node, Value};
use super::weight::Stacked;

/// The fused form of `nodes`; the values `kept` are read by others.
pub(super) fn fuse<M: Stacked>(nodes: &[Node<M>], kept: &[Value]) -> Vec<Node<M>> {
    let made = nodes.iter().filter_map(Node::makes).chain(nodes.iter().flat_map(Node::reads)).chain(kept);
    let mut fresh = made.map(|value| value.id + 1).max().unwrap_or(0);
    let mut fused = Vec::with_capacity(nodes.len());
    let mut rest = nodes;
    while let Some(first) = rest.first() {
        let found = residual(rest).or_else(|| gate(rest)).or_else(|| attention(rest, &mut fresh));
        // Values that the pattern no longer makes must have no other reader.
        let found = found.filter(|Found { length, gone, .. }| {
            let read = |value: &Value| rest[*length..].iter().any(|node| node.reads().contains(&value));
            !gone.iter().any(|value| kept.contains(value) || read(value))
        });
        match found {
            Some(Found { length, nodes, .. }) => {
                fused.extend(nodes);
                rest = &rest[length..];
            }
            None => {
                fused.push(first.clone());
                rest = &rest[1..];
            }
        }
    }
    fused
}

/// A pattern at the beginning of some nodes.
struct Found<M> {
    /// How many nodes it covers.
    length: usize,
    /// What takes their place.
    nodes: Vec<Node<M>>,
    /// The values that are not made any more.
    gone: Vec<Value>,
}

fn residual<M: Stacked>(nodes: &[Node<M>]) -> Option<Found<M>> {
    let [Node::Linear { w, x, y, epilogue: Epilogue::Store }, Node::Add { a, b, y: sum }, ..] = nodes else {
        return None;
    };
    let other = match (a == y, b == y) {
        (false, true) => a,
        (true, false) => b,
        _ => return None,
    };
    let epilogue = Epilogue::Add(other.clone());
    let node = Node::Linear { w: w.clone(), x: x.clone(), y: sum.clone(), epilogue };
    Some(Found { length: 2, nodes: vec![node], gone: vec![y.clone()] })
}

fn gate<M: Stacked>(nodes: &[Node<M>]) -> Option<Found<M>> {
    let [
        Node::Linear { w, x, y: g, epilogue: Epilogue::Store },
        Node::Linear { w: w2, x: x2, y: u, epilogue: Epilogue::Store },
        Node::Glu { activation, gate, up, y },
        ..,
    ] = nodes
    else {
        return None;
    };
    if x != x2 || g != gate || u != up {
        return None;
    }
    let node =
        Node::Linear { w: w.above(w2)?, x: x.clone(), y: y.clone(), epilogue: Epilogue::Gate(*activation) };
    Some(Found { length: 3, nodes: vec![node], gone: vec![g.clone(), u.clone()] })
}

fn attention<M: Stacked>(nodes: &[Node<M>], fresh: &mut usize) -> Option<Found<M>> {
    let [
        Node::Linear { w: wq, x: xq, y: q, epilogue: eq },
        Node::Linear { w: wk, x: xk, y: k, epilogue: ek },
        Node::Linear { w: wv, x: xv, y: v, epilogue: ev },
        rest @ ..,
    ] = nodes
    else {
        return None;
    };
    let norms = head_norms(rest, [q, k]);
    let rest = &rest[norms.iter().flatten().count()..];
    let [
        Node::Rope { x: turned_q, rotation },
        Node::Rope { x: turned_k, rotation: rotation_k },
        Node::Attention { layer, q: of_q, k: of_k, v: of_v, rotation: None, how, y },
        ..,
    ] = rest
    else {
        return None;
    };
    // What is rotated: Q and K, or their norms.
    let made = norms.as_ref().map_or([q, k], |norms| norms.each_ref().map(|norm| norm.y));
    let same = (xq == xk && xk == xv, made == [turned_q, turned_k], rotation == rotation_k);
    if same != (true, true, true) || [made[0], made[1], v].map(Columns::all).each_ref() != [of_q, of_k, of_v]
    {
        return None;
    }
    let plain = |epilogue: &Epilogue<M>| matches!(epilogue, Epilogue::Store | Epilogue::Bias(_));
    if ![eq, ek, ev].into_iter().all(plain) {
        return None;
    }
    let (mut fused, columns) = project(xq, [(wq, eq, q), (wk, ek, k), (wv, ev, v)], fresh);
    let [mut q2, mut k2, v2] = columns.try_into().ok()?;
    let gone = vec![q.clone(), k.clone(), v.clone()];
    if let Some(norms) = norms {
        for (norm, columns) in norms.into_iter().zip([&mut q2, &mut k2]) {
            let x = std::mem::replace(columns, Columns::all(norm.y));
            fused.push(Node::RmsNorm { x, w: norm.w.clone(), eps: norm.eps, y: norm.y.clone() });
        }
    }
    let rotation = Some(*rotation);
    fused.push(Node::Attention { layer: *layer, q: q2, k: k2, v: v2, rotation, how: *how, y: y.clone() });
    Some(Found { length: nodes.len() - rest.len() + 3, nodes: fused, gone })
}

/// A norm of all columns of a value.
struct Norm<'a, M> {
    w: &'a M,
    eps: f32,
    y: &'a Value,
}

/// The norms of both values, if the nodes begin with these.
fn head_norms<'a, M>(nodes: &'a [Node<M>], of: [&Value; 2]) -> Option<[Norm<'a, M>; 2]> {
    let [Node::RmsNorm { x: a, w: wa, eps: ea, y: ya }, Node::RmsNorm { x: b, w: wb, eps: eb, y: yb }, ..] =
        nodes
    else {
        return None;
    };
    let norms = [Norm { w: wa, eps: *ea, y: ya }, Norm { w: wb, eps: *eb, y: yb }];
    ([a, b] == of.map(Columns::all).each_ref()).then_some(norms)
}

impl<M: Stacked> Stacked for Epilogue<M> {
    fn above(&self, below: &Epilogue<M>) -> Option<Epilogue<M>> {
        match (self, below) {
            (Epilogue::Store, Epilogue::Store) => Some(Epilogue::Store),
            (Epilogue::Bias(a), Epilogue::Bias(b)) => a.above(b).map(Epilogue::Bias),
            _ => None,
        }
    }
}

/// Linear maps of `x`, one for each run of matrices (and biases) that lie one behind the other, and where their results are.
fn project<M: Stacked>(
    x: &Value,
    parts: [(&M, &Epilogue<M>, &Value); 3],
    fresh: &mut usize,
) -> (Vec<Node<M>>, Vec<Columns>) {
    let mut runs: Vec<(M, Epilogue<M>, Vec<&Value>)> = Vec::new();
    for (w, epilogue, y) in parts {
        if let Some((above, ends, values)) = runs.last_mut()
            && let (Some(joined), Some(end)) = (above.above(w), ends.above(epilogue))
        {
            (*above, *ends) = (joined, end);
            values.push(y);
        } else {
            runs.push((w.clone(), epilogue.clone(), vec![y]));
        }
    }
    let (mut nodes, mut columns) = (Vec::new(), Vec::new());
    for (w, epilogue, values) in runs {
        let cols = values.iter().map(|value| value.cols).sum();
        let all = Value { id: *fresh, cols, per: x.per };
        *fresh += 1;
        let mut first = 0;
        for value in values {
            columns.push(Columns { value: all.clone(), first, count: value.cols });
            first += value.cols;
        }
        nodes.push(Node::Linear { w, x: x.clone(), y: all, epilogue });
    }
    (nodes, columns)
}

#[cfg(test)]
mod tests {
    use super::super::record::{Per, Rotation};
    use super::*;
    use crate::model::{Activation, Attention, RopeStyle};

    /// Rows of a buffer.
    #[derive(Debug, Clone, PartialEq)]
    struct Rows {
        buffer: u32,
        rows: std::ops::Range<usize>,
    }

    impl Stacked for Rows {
        fn above(&self, below: &Rows) -> Option<Rows> {
            (self.buffer == below.buffer && self.rows.end == below.rows.start)
                .then_some(Rows { buffer: self.buffer, rows: self.rows.start..below.rows.end })
        }
    }

    fn w(buffer: u32, rows: std::ops::Range<usize>) -> Rows {
        Rows { buffer, rows }
    }

    fn value(id: usize, cols: usize) -> Value {
        Value { id, cols, per: Per::Row }
    }

    fn linear(w: Rows, x: &Value, y: &Value) -> Node<Rows> {
        Node::Linear { w, x: x.clone(), y: y.clone(), epilogue: Epilogue::Store }
    }

    fn rope(x: &Value, table: usize) -> Node<Rows> {
        let rotation = Rotation { table, half: 2, style: RopeStyle::Interleaved, head_dim: 4 };
        Node::Rope { x: x.clone(), rotation }
    }

    fn add(a: &Value, b: &Value, y: &Value) -> Node<Rows> {
        Node::Add { a: a.clone(), b: b.clone(), y: y.clone() }
    }

    fn attention(of: [&Value; 3], y: &Value) -> Node<Rows> {
        let [q, k, v] = of.map(Columns::all);
        Node::Attention { layer: 0, q, k, v, rotation: None, how: Attention::plain(4), y: y.clone() }
    }

    /// A short name for each node.
    fn shape(nodes: &[Node<Rows>]) -> String {
        let names = nodes.iter().map(|node| match node {
            Node::Linear { epilogue: Epilogue::Store, w, .. } => format!("linear {:?}", w.rows),
            Node::Linear { epilogue: Epilogue::Add(_), w, .. } => format!("linear-add {:?}", w.rows),
            Node::Linear { epilogue: Epilogue::Gate(_), w, .. } => format!("linear-gate {:?}", w.rows),
            Node::Linear { epilogue: Epilogue::Bias(b), w, .. } => {
                format!("linear-bias {:?} {:?}", w.rows, b.rows)
            }
            Node::Attention { rotation: Some(_), q, k, v, .. } => {
                format!("turn {} {} {}", q.first, k.first, v.first)
            }
            Node::Attention { .. } => "attention".into(),
            Node::Rope { .. } => "rope".into(),
            Node::Add { .. } => "add".into(),
            Node::Glu { .. } => "swiglu".into(),
            Node::RmsNorm { x, .. } => format!("norm {} of {}", x.first, x.value.cols),
            _ => "other".into(),
        });
        names.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn residuals() {
        let [x, y, z, a] = [0, 1, 2, 3].map(|id| value(id, 8));
        let table = [
            (vec![linear(w(0, 0..8), &x, &y), add(&a, &y, &z)], "linear-add 0..8"),
            (vec![linear(w(0, 0..8), &x, &y), add(&y, &a, &z)], "linear-add 0..8"),
            // Doubled; not next to each other; and read once more.
            (vec![linear(w(0, 0..8), &x, &y), add(&y, &y, &z)], "linear 0..8, add"),
            (vec![linear(w(0, 0..8), &x, &y), rope(&a, 0), add(&a, &y, &z)], "linear 0..8, rope, add"),
            (vec![linear(w(0, 0..8), &x, &y), add(&a, &y, &z), rope(&y, 0)], "linear 0..8, add, rope"),
        ];
        for (nodes, expected) in table {
            assert_eq!(shape(&fuse(&nodes, &[])), expected);
        }
        let kept = [linear(w(0, 0..8), &x, &y), add(&a, &y, &z)];
        assert_eq!(shape(&fuse(&kept, std::slice::from_ref(&y))), "linear 0..8, add");
        let Node::Linear { y: sum, epilogue, .. } = &fuse(&kept, std::slice::from_ref(&z))[0] else {
            panic!()
        };
        assert_eq!((sum, epilogue), (&z, &Epilogue::Add(a)));
    }

    #[test]
    fn gates() {
        let [x, g, u, y] = [0, 1, 2, 3].map(|id| value(id, 8));
        let swiglu = |gate: &Value, up: &Value| {
            let (gate, up) = (gate.clone(), up.clone());
            Node::Glu { activation: Activation::Silu, gate, up, y: y.clone() }
        };
        let table = [
            (w(0, 8..16), &x, (&g, &u), "linear-gate 0..16"),
            // Elsewhere; of another input; and the wrong way round.
            (w(1, 8..16), &x, (&g, &u), "linear 0..8, linear 8..16, swiglu"),
            (w(0, 8..16), &y, (&g, &u), "linear 0..8, linear 8..16, swiglu"),
            (w(0, 8..16), &x, (&u, &g), "linear 0..8, linear 8..16, swiglu"),
        ];
        for (second, input, (gate, up), expected) in table {
            let nodes = [linear(w(0, 0..8), &x, &g), linear(second, input, &u), swiglu(gate, up)];
            assert_eq!(shape(&fuse(&nodes, &[])), expected);
        }
    }

    #[test]
    fn attentions() {
        let (x, y) = (value(0, 16), value(4, 8));
        let (q, k, v) = (value(1, 8), value(2, 4), value(3, 4));
        let nodes = |matrices: [Rows; 3], tables: [usize; 2]| {
            let [wq, wk, wv] = matrices;
            vec![
                linear(wq, &x, &q),
                linear(wk, &x, &k),
                linear(wv, &x, &v),
                rope(&q, tables[0]),
                rope(&k, tables[1]),
                attention([&q, &k, &v], &y),
            ]
        };
        let stack = || [w(0, 0..8), w(0, 8..12), w(0, 12..16)];
        let table = [
            (stack(), [0, 0], "linear 0..16, turn 0 8 12"),
            // V of another type, and nothing in place.
            ([w(0, 0..8), w(0, 8..12), w(1, 0..4)], [0, 0], "linear 0..12, linear 0..4, turn 0 8 0"),
            (
                [w(0, 0..8), w(1, 0..4), w(2, 0..4)],
                [0, 0],
                "linear 0..8, linear 0..4, linear 0..4, turn 0 0 0",
            ),
            (stack(), [0, 1], "linear 0..8, linear 8..12, linear 12..16, rope, rope, attention"),
        ];
        for (matrices, tables, expected) in table {
            assert_eq!(shape(&fuse(&nodes(matrices, tables), &[])), expected);
        }
        // The three runs' values are new ones, and what comes after reads what it read before.
        let mut more = nodes(stack(), [0, 0]);
        more.push(add(&y, &x, &value(5, 16)));
        let fused = fuse(&more, &[]);
        let Node::Linear { y: all, .. } = &fused[0] else { panic!() };
        assert_eq!((all.id, all.cols), (6, 16));
        assert_eq!(fused.last(), more.last());
        more.push(add(&v, &v, &value(6, 4)));
        assert!(shape(&fuse(&more, &[])).contains("attention"));
        // Norms of the heads read their columns, and what is rotated is their result.
        let (q2, k2) = (value(7, 8), value(8, 4));
        let mut normed = nodes(stack(), [0, 0]);
        let norm = |x: &Value, y: &Value| Node::RmsNorm {
            x: Columns::all(x),
            w: w(3, 0..1),
            eps: 1e-6,
            y: y.clone(),
        };
        let turned = [rope(&q2, 0), rope(&k2, 0), attention([&q2, &k2, &v], &y)];
        normed.splice(3.., [norm(&q, &q2), norm(&k, &k2)].into_iter().chain(turned));
        assert_eq!(shape(&fuse(&normed, &[])), "linear 0..16, norm 0 of 16, norm 8 of 16, turn 0 0 12");
        normed[4] = norm(&v, &k2);
        assert_eq!(shape(&fuse(&normed, &[])).matches("rope").count(), 2);
    }
}
