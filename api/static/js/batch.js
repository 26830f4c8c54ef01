// One batch: where its phases stand in time, and times as people read them.

import "./head.js";

for (const bar of document.querySelectorAll(".phase-bar")) {
  bar.style.left = `${bar.dataset.left}%`;
  bar.style.width = `${bar.dataset.width}%`;
}
for (const one of document.querySelectorAll(".kin [data-depth]")) {
  one.style.marginLeft = `${(Number(one.dataset.depth) - 1) * 1.25}rem`;
}
