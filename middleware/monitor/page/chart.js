// Charts of numbers over time, and a histogram, in SVG. Everything is made of elements and
// text, never of markup: names come from elsewhere.
"use strict";

const svgElement = (name, attributes = {}, text) => {
  const e = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
  if (text !== undefined) e.textContent = text;
  return e;
};

const pad = { left: 52, right: 4, top: 8, bottom: 22 };

/** Returns about four round numbers from 0 up to what is at least max. */
function ticksTo(max, base = 10) {
  if (!(max > 0)) return [0, 1];
  const raw = max / 4;
  const power = base ** Math.floor(Math.log(raw) / Math.log(base));
  const factors = base === 10 ? [1, 2, 5, 10] : [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
  const step = power * factors.find((f) => f * power >= raw * 0.999);
  return Array.from({ length: Math.ceil(max / step - 1e-9) + 1 }, (_, i) => i * step);
}

/** Leaves out a fraction that is nothing. */
const round = (text) => text.replace(/\.0(?!\d)/, "");

/** A place for a chart that is drawn anew when it changes its size. */
class Plot {
  constructor(place, label) {
    this.place = place;
    this.label = label;
    this.svg = svgElement("svg", { role: "img", "aria-label": label });
    this.tip = document.createElement("div");
    this.tip.className = "tip";
    this.tip.hidden = true;
    place.append(this.svg, this.tip);
    new ResizeObserver(() => this.draw()).observe(place);
    place.addEventListener("pointermove", (e) => this.point(e.clientX - place.getBoundingClientRect().left));
    place.addEventListener("pointerleave", () => this.point(null));
  }

  show(data) {
    this.data = data;
    this.draw();
  }

  draw() {
    if (!this.data) return;
    this.width = this.place.clientWidth;
    this.height = this.place.clientHeight;
    this.svg.replaceChildren();
    this.paint();
    this.svg.setAttribute("aria-label", `${this.label}: ${this.summary()}`);
    if (this.at != null) this.point(this.at);
  }

  /** Shows what is at x, or nothing for null. */
  point(x) {
    this.at = x;
    this.svg.querySelector(".cross")?.remove();
    const found = x == null || !this.data ? null : this.find(x);
    this.tip.hidden = !found;
    if (!found) return;
    this.svg.append(svgElement("line", { class: "cross", x1: found.x, x2: found.x, y1: pad.top, y2: this.height - pad.bottom }));
    this.tip.replaceChildren(...found.lines.map((text) => Object.assign(document.createElement("div"), { textContent: text })));
    const wide = this.tip.offsetWidth;
    this.tip.style.left = `${found.x + 12 + wide > this.width ? found.x - 12 - wide : found.x + 12}px`;
  }

  text(x, y, text, anchor = "end", name = "axis") {
    this.svg.append(svgElement("text", { class: name, x, y, "text-anchor": anchor }, text));
  }

  rule(y) {
    this.svg.append(svgElement("line", { class: "grid", x1: pad.left, x2: this.width - pad.right, y1: y, y2: y }));
  }

  nothing(text) {
    this.text((pad.left + this.width) / 2, (this.height - pad.bottom) / 2, text, "middle", "empty");
  }
}

/**
 * Lines or stacked areas over the last seconds. Data: { end, span, series: [{ name, class, values }] },
 * one value for each second up to end, the newest last; null is no value.
 * Options: stacked, log, format, base (of the ticks), filled (the first series).
 */
class TimeChart extends Plot {
  constructor(place, label, options) {
    super(place, label);
    this.options = options;
  }

  paint() {
    const { span, series } = this.data, { stacked, log, format, base, filled } = this.options;
    const count = series[0].values.length, bottom = this.height - pad.bottom;
    this.step = (this.width - pad.left - pad.right) / (span - 1);
    this.xOf = (i) => this.width - pad.right - (count - 1 - i) * this.step;
    const all = stacked ? series[0].values.map((_, i) => series.reduce((n, s) => n + s.values[i], 0)) : series.flatMap((s) => s.values);
    const real = all.filter((v) => v != null && (!log || v > 0));
    let ticks, yOf;
    if (log) {
      const low = Math.floor(Math.log10(Math.min(...real))), high = Math.max(Math.ceil(Math.log10(Math.max(...real))), low + 1);
      ticks = real.length ? Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i)) : [];
      yOf = (v) => bottom - ((Math.log10(v) - low) / (high - low)) * (bottom - pad.top);
    } else {
      ticks = ticksTo(Math.max(...real, 0), base);
      const top = ticks.at(-1);
      yOf = (v) => bottom - (v / top) * (bottom - pad.top);
    }
    for (const t of ticks) {
      this.rule(yOf(t));
      this.text(pad.left - 8, yOf(t) + 4, round(format(t)));
    }
    const part = span > 60 ? 60 : 15, parts = Math.round(span / part);
    const every = Math.ceil(parts / Math.max(Math.floor((this.width - pad.left) / 62), 1));
    for (let i = 0; i <= parts; i += every) {
      const x = Math.max(this.width - pad.right - i * part * this.step, pad.left);
      this.text(x, this.height - 6, i ? (part === 60 ? `−${i} min` : `−${i * part} s`) : "now", i === 0 ? "end" : i === parts ? "start" : "middle");
    }
    if (!real.length) return this.nothing("No requests yet");
    const ground = new Array(count).fill(0);
    for (const [number, s] of series.entries()) {
      if (stacked) {
        const over = s.values.map((v, i) => ground[i] + v);
        const up = over.map((v, i) => `${this.xOf(i)},${yOf(v)}`), down = ground.map((v, i) => `${this.xOf(i)},${yOf(v)}`).reverse();
        if (s.values.some((v) => v)) this.svg.append(svgElement("polygon", { class: `area ${s.class}`, points: [...up, ...down].join(" ") }));
        over.forEach((v, i) => (ground[i] = v));
        continue;
      }
      for (const run of this.runs(s.values, log)) {
        const points = run.map((i) => `${this.xOf(i)},${yOf(s.values[i])}`);
        if (filled && number === 0) this.svg.append(svgElement("polygon", { class: `under ${s.class}`, points: [`${this.xOf(run[0])},${bottom}`, ...points, `${this.xOf(run.at(-1))},${bottom}`].join(" ") }));
        if (run.length === 1) points.push(`${this.xOf(run[0]) + 0.1},${yOf(s.values[run[0]])}`);
        this.svg.append(svgElement("polyline", { class: `curve ${s.class}`, points: points.join(" ") }));
      }
    }
  }

  /** Splits the indices of values where there is none. */
  runs(values, log) {
    const runs = [];
    values.forEach((v, i) => {
      if (v == null || (log && v <= 0)) return;
      if (runs.at(-1)?.at(-1) === i - 1) runs.at(-1).push(i);
      else runs.push([i]);
    });
    return runs;
  }

  find(x) {
    const { series } = this.data, count = series[0].values.length;
    const i = Math.round(count - 1 - (this.width - pad.right - x) / this.step);
    if (i < 0 || i >= count) return null;
    const ago = count - 1 - i;
    const lines = series.filter((s) => s.values[i]).map((s) => `${s.name}  ${this.options.format(s.values[i])}`);
    return { x: this.xOf(i), lines: [ago ? `${ago} s ago` : "now", ...(lines.length ? lines : ["nothing"])] };
  }

  summary() {
    return this.data.series.map((s) => `${s.name} ${s.values.at(-1) == null ? "none" : this.options.format(s.values.at(-1))}`).join(", ");
  }
}

/** Bars between logarithmic bounds. Data: { bars: [[from, to, count]], marks: [{ name, class, at }] }. */
class Histogram extends Plot {
  constructor(place, label, format) {
    super(place, label);
    this.format = format;
  }

  paint() {
    const { bars, marks } = this.data, bottom = this.height - pad.bottom;
    const left = 8, right = this.width - 8, top = pad.top + 16;
    if (!bars.length) return this.nothing("No requests in the last minute");
    const low = Math.log(Math.max(bars[0][0], 64) / 1.3), high = Math.log(bars.at(-1)[1] * 1.3);
    this.xOf = (v) => left + ((Math.log(Math.max(v, 64)) - low) / (high - low)) * (right - left);
    // The bounds are no powers: a bar is as high as it is dense, or wide ones would stand out.
    const density = ([from, to, count]) => count / Math.log(to / Math.max(from, 64));
    const most = Math.max(...bars.map(density));
    this.svg.append(svgElement("line", { class: "grid", x1: left, x2: right, y1: bottom, y2: bottom }));
    for (const bar of bars) {
      const x = this.xOf(bar[0]), width = Math.max(this.xOf(bar[1]) - x - 1, 1.5), height = Math.max((density(bar) / most) * (bottom - top), 1.5);
      this.svg.append(svgElement("rect", { class: "bar c-main", x, y: bottom - height, width, height, rx: Math.min(2, width / 2) }));
    }
    let free = left;
    for (let power = 2; power <= 11; power++) {
      for (const f of right - left > 300 && high - low < 5 ? [1, 2, 5] : [1]) {
        const v = f * 10 ** power, x = this.xOf(v);
        if (x < free + 14 || x > right - 14) continue;
        this.text(x, this.height - 6, round(this.format(v)), "middle");
        free = x + 40;
      }
    }
    let taken = -Infinity;
    for (const m of marks) {
      const x = this.xOf(m.at);
      if (!m.at || x > right) continue;
      this.svg.append(svgElement("line", { class: `mark ${m.class}`, x1: x, x2: x, y1: top - 4, y2: bottom }));
      if (x - taken < 34) continue;
      this.text(Math.min(Math.max(x, left + 12), right - 14), pad.top + 4, m.name, "middle", `marktext ${m.class}`);
      taken = x;
    }
  }

  find(x) {
    const bar = this.data.bars.find(([from, to]) => this.xOf && this.xOf(from) <= x && x <= this.xOf(to));
    if (!bar) return null;
    const total = this.data.bars.reduce((n, b) => n + b[2], 0);
    return {
      x: (this.xOf(bar[0]) + this.xOf(bar[1])) / 2,
      lines: [`${this.format(bar[0])} – ${this.format(bar[1])}`, `${bar[2].toLocaleString("en")} requests, ${((bar[2] / total) * 100).toFixed(1)} %`],
    };
  }

  summary() {
    return this.data.marks.map((m) => `${m.name} ${m.at ? this.format(m.at) : "none"}`).join(", ");
  }
}

/** Draws a small curve without axes into svg. */
function sparkline(svg, values, name) {
  const width = 100, height = 30, top = Math.max(...values, 1e-9);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("preserveAspectRatio", "none");
  const points = values.map((v, i) => `${(i / Math.max(values.length - 1, 1)) * width},${height - 2 - (v / top) * (height - 6)}`);
  svg.replaceChildren(
    svgElement("polygon", { class: `under ${name}`, points: [`0,${height}`, ...points, `${width},${height}`].join(" ") }),
    svgElement("polyline", { class: `curve ${name}`, points: points.join(" "), "vector-effect": "non-scaling-stroke" }),
  );
}
