// How well text stands out, as WCAG 2 computes it: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio. axe-core has the
// same rule, but takes nothing inside JupyterLab's notebook panel for visible.
window.contrast = (() => {
  const channels = colour => {
    const brush = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d");
    brush.fillStyle = colour;
    brush.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = brush.getImageData(0, 0, 1, 1).data;
    return { parts: [red, green, blue], alpha: alpha / 255 };
  };

  const known = new Map();
  const read = colour => known.get(colour) ?? known.set(colour, channels(colour)).get(colour);
  const over = (top, below) => top.parts.map((part, i) => part * top.alpha + below[i] * (1 - top.alpha));

  const background = element => {
    const below = element.parentElement ? background(element.parentElement) : [255, 255, 255];
    return over(read(getComputedStyle(element).backgroundColor), below);
  };

  const luminance = parts => {
    const [r, g, b] = parts.map(part => part / 255).map(c => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };

  const ratio = element => {
    const behind = background(element);
    const [light, dark] = [luminance(over(read(getComputedStyle(element).color), behind)), luminance(behind)].sort(
      (a, b) => b - a
    );
    return (light + 0.05) / (dark + 0.05);
  };

  return { ratio };
})();
