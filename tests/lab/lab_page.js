// What the tests ask of JupyterLab's page. JupyterLab itself tells when it is ready; nothing here waits for a while.
// https://jupyterlab.readthedocs.io/en/stable/api/ describes `jupyterapp`.
window.labPage = (() => {
  const app = window.jupyterapp;

  const within = (seconds, what, promise) => {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${what}: not done within ${seconds} s`)), seconds * 1000);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
  };

  const current = () => app.shell.currentWidget;

  const ready = async panel => {
    await panel.context.ready;
    await panel.sessionContext.ready;
    await panel.sessionContext.session.kernel.info;
    return panel;
  };

  const open = async path => {
    const panel = await app.commands.execute("docmanager:open", { path: `notebooks/${path}` });
    await panel.context.ready;
    app.shell.activateById(panel.id);
    return panel;
  };

  const kernelPrefix = async () => {
    const { kernel } = (await ready(current())).sessionContext.session;
    const reply = await kernel.requestExecute({ code: "import sys", user_expressions: { prefix: "sys.prefix" } }).done;
    return reply.content.user_expressions.prefix.data["text/plain"];
  };

  const firstSight = async () => ({
    notebook: current().context.path,
    tabs: [...app.shell.widgets("main")].length,
    files: [...document.querySelectorAll("#filebrowser:not(.lm-mod-hidden) .jp-DirListing-itemName")].map(
      item => item.textContent
    ),
    prefix: await kernelPrefix(),
    interruptions: [...document.querySelectorAll(".jp-Dialog, .Toastify__toast")].map(item => item.textContent),
  });

  // Some notebooks at once, each in its kernel, as a person does who does not wait for one before the next. Their kernels
  // are ended after that: those of all notebooks together need more memory than many a machine has.
  const runAll = async paths => {
    const running = [];
    for (const path of paths) {
      const panel = await ready(await open(path));
      const { sessionContext } = panel;
      running.push(
        app.commands
          .execute("notebook:run-all-cells")
          .then(async () => {
            const cells = panel.content.model.toJSON(); // before the kernel ends, which may complain of it
            await sessionContext.shutdown();
            return [path, cells];
          })
      );
    }
    return Object.fromEntries(await Promise.all(running));
  };

  const drawn = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));

  // Scrolls a notebook to a place; tells the next place a window further, or null at the end.
  const scrollTo = async (path, place) => {
    const box = (await open(path)).content.node.querySelector(".jp-WindowedPanel-outer");
    await drawn();
    box.scrollTop = place;
    await drawn();
    const next = place + box.clientHeight;
    return next < box.scrollHeight ? next : null;
  };

  const outputs = () => [...current().content.node.querySelectorAll(".jp-OutputArea-output")];
  const cellOf = output => current().content.widgets.findIndex(cell => cell.node.contains(output));
  const openDetails = () => outputs().forEach(o => o.querySelectorAll("details").forEach(d => (d.open = true)));

  // An element between the content and its output that can be scrolled sideways keeps the content in reach.
  const canBeReached = (element, output) => {
    for (let at = element; at && output.contains(at); at = at.parentElement) {
      if (["auto", "scroll"].includes(getComputedStyle(at).overflowX)) return true;
    }
    return false;
  };

  const pieces = output => {
    const found = [...output.querySelectorAll("img, svg, table")].map(item => [item, item.getClientRects()]);
    const walker = document.createTreeWalker(output, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const range = document.createRange();
      range.selectNodeContents(walker.currentNode);
      found.push([walker.currentNode.parentElement, range.getClientRects()]);
    }
    return found;
  };

  // Outputs whose lines are broken in the middle of a word.
  const wordsCut = () => {
    const cuts = pre => getComputedStyle(pre).wordBreak === "break-all";
    const found = outputs().filter(output => [...output.querySelectorAll("pre")].some(cuts));
    return found.map(output => `cell ${cellOf(output)}`);
  };

  // Content of outputs that sticks out at the side and that no scrolling brings into view.
  const cutOff = () => {
    openDetails();
    const found = [];
    for (const output of outputs()) {
      const edge = output.getBoundingClientRect().right + 1;
      for (const [element, boxes] of pieces(output)) {
        if ([...boxes].some(box => box.right > edge) && !canBeReached(element, output)) {
          found.push(`cell ${cellOf(output)}: ${element.textContent.slice(0, 60) || element.outerHTML.slice(0, 60)}`);
          break;
        }
      }
    }
    return found;
  };

  // Text under WCAG's level AA, 4.5 to 1. Large text may have less there; none in the outputs needs that.
  const tooFaint = () => {
    openDetails();
    const found = [];
    for (const output of outputs()) {
      for (const [element, boxes] of pieces(output)) {
        const words = element.matches("img, svg, table") ? "" : element.textContent.trim();
        const ratio = words && boxes.length ? contrast.ratio(element) : 21;
        if (ratio < 4.5) found.push(`cell ${cellOf(output)}: ${words.slice(0, 60)} (${ratio.toFixed(1)})`);
      }
    }
    return found;
  };

  // Pictures with a see-through corner: their dark lines would lie on the dark theme's background.
  const seeThrough = async () => {
    const found = [];
    for (const output of outputs()) {
      for (const picture of output.querySelectorAll("img")) {
        await picture.decode();
        const canvas = Object.assign(document.createElement("canvas"), { width: 8, height: 8 });
        const brush = canvas.getContext("2d");
        brush.drawImage(picture, 0, 0, 8, 8);
        if (brush.getImageData(0, 0, 1, 1).data[3] < 255) found.push(`cell ${cellOf(output)}: ${picture.alt}`);
      }
    }
    return found;
  };

  // Spoils the last outputs in three ways, to see that the three complaints are made.
  const spoil = () => {
    const [wide, faint, clear] = outputs().slice(-3);
    wide.style.overflow = "hidden";
    wide.innerHTML = `<span style="white-space: nowrap">${"wide ".repeat(500)}</span>`;
    faint.innerHTML = '<span style="color: #777; background: #888">faint</span>';
    clear.innerHTML =
      '<img alt="clear" src="data:image/svg+xml,<svg xmlns=\'http://www.w3.org/2000/svg\' width=\'9\' height=\'9\'/>">';
  };

  // Clicks on a link; tells what it opened.
  const follow = async words => {
    const from = current();
    [...from.node.querySelectorAll("a")].find(link => link.textContent === words).click();
    while (current() === from) await drawn();
    return current().context.path;
  };

  const useTheme = async theme => {
    await app.commands.execute("apputils:change-theme", { theme });
    await drawn();
  };

  return { within, firstSight, runAll, scrollTo, wordsCut, cutOff, tooFaint, seeThrough, spoil, follow, useTheme };
})();
