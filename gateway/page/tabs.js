// Tabs by the pattern of the ARIA guide: one stop for the Tab key, arrows go from one to the other.
import {h, newId} from './dom.js';

export function tabs(label, list) {
  const all = list.map((one) => {
    const id = newId('tab');
    const panel = h('div', {role: 'tabpanel', id: `${id}-panel`, 'aria-labelledby': id}, one.node);
    const tab = h('button', {type: 'button', role: 'tab', id, 'aria-controls': `${id}-panel`}, one.label);
    return {tab, panel};
  });
  function choose(i) {
    all.forEach(({tab, panel}, at) => {
      tab.setAttribute('aria-selected', String(at === i));
      tab.tabIndex = at === i ? 0 : -1;
      panel.hidden = at !== i;
    });
  }
  all.forEach(({tab}, i) => {
    tab.addEventListener('click', () => choose(i));
    tab.addEventListener('keydown', (event) => {
      const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
      if (!step) return;
      event.preventDefault();
      const next = (i + step + all.length) % all.length;
      choose(next);
      all[next].tab.focus();
    });
  });
  choose(0);
  return h('div', {class: 'tabs'}, h('div', {role: 'tablist', 'aria-label': label}, all.map((a) => a.tab)),
    all.map((a) => a.panel));
}
