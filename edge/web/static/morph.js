// Makes one tree of nodes like another with as few changes as there are: what stays keeps focus, scroll and pictures.

const KEPT = new Set(["open", "data-failed"]); // what the reader opened stays open, what failed to load stays away

/** Make `now` like `wanted`; calls `changed` with every element whose text is another one. */
export function morph(now, wanted, changed) {
  if (now.isEqualNode(wanted) || now.hasAttribute?.("data-keep")) return;
  attributes(now, wanted);
  children(now, wanted, changed);
}

function attributes(now, wanted) {
  for (const { name, value } of wanted.attributes) {
    const shown = name === "src" && now.address ? now.address : now.getAttribute(name); // see the pictures in live.js
    if (KEPT.has(name) || shown === value) continue;
    now.setAttribute(name, value);
    if (name === "src") delete now.address;
  }
  for (const { name } of [...now.attributes]) {
    if (!KEPT.has(name) && !wanted.hasAttribute(name)) now.removeAttribute(name);
  }
}

function children(now, wanted, changed) {
  const known = new Map();
  for (const child of now.children) if (child.id) known.set(child.id, child);
  let at = now.firstChild;
  for (const next of [...wanted.childNodes]) {
    const own = next.id ? known.get(next.id) : undefined;
    if (own) {
      if (own === at) at = at.nextSibling;
      else now.insertBefore(own, at);
      same(own, next, changed);
    } else if (at && !at.id && alike(at, next)) {
      const here = at;
      at = at.nextSibling;
      same(here, next, changed);
    } else {
      const fresh = document.importNode(next, true);
      now.insertBefore(fresh, at);
      if (fresh.nodeType === Node.ELEMENT_NODE && fresh.id) changed?.(fresh);
    }
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

function alike(now, wanted) {
  return now.nodeType === wanted.nodeType && now.nodeName === wanted.nodeName && !wanted.id;
}

function same(now, wanted, changed) {
  if (now.nodeType !== Node.ELEMENT_NODE) {
    if (now.data !== wanted.data) now.data = wanted.data;
  } else if (now.nodeName === wanted.nodeName) {
    const was = now.className;
    morph(now, wanted, changed);
    if (now.id && was !== now.className) changed?.(now);
  } else {
    now.replaceWith(document.importNode(wanted, true));
  }
}
