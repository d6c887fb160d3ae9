// What is wrong with the bus or the machine, and how to mend it.
import {get} from './api.js';
import {h, setText, shown} from './dom.js';

const headline = {error: 'Errors', warning: 'Warnings', note: 'Notes'};

function finding(one) {
  return h('li', {class: `finding ${one.severity}`},
    h('p', {class: 'what'}, h('span', {class: `badge ${one.severity}`}, one.severity), ' ',
      h('strong', null, shown(one.subject)), one.subject ? ' ' : '', shown(one.what)),
    h('p', {class: 'mend'}, one.severity === 'note' ? 'To know: ' : 'Mend: ', shown(one.mend)),
    h('p', {class: 'hint mono'}, shown(one.id)));
}

export function doctor(page) {
  const again = h('button', {type: 'button', class: 'primary'}, 'Examine again');
  const words = h('p', {role: 'status'}, 'Examining…');
  const list = h('div');
  page.put('Doctor', h('h1', null, 'Doctor'), h('div', {class: 'bar'}, again, words), list);

  async function examine() {
    again.disabled = true;
    setText(words, 'Examining…');
    try {
      const {findings} = await get('/api/doctor', page.signal);
      const grave = findings.filter((one) => one.severity !== 'note').length;
      setText(words, grave ? `${grave} ${grave === 1 ? 'thing is' : 'things are'} wrong.`
        : 'Nothing is wrong with this bus and this machine.');
      list.replaceChildren(...Object.entries(headline).flatMap(([severity, title]) => {
        const some = findings.filter((one) => one.severity === severity);
        return some.length ? [h('section', {class: 'block'}, h('h2', null, title),
          h('ul', {class: 'findings'}, some.map(finding)))] : [];
      }));
    } catch (problem) {
      setText(words, '');
      page.problem(problem);
    }
    again.disabled = false;
  }
  again.addEventListener('click', examine);
  examine();
}
