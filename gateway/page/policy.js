// What is asked of the callers of a name, in words.
import {h} from './dom.js';
import * as format from './format.js';

function asked(policy) {
  const out = [];
  if (policy.deny) out.push(['Denied', 'nobody may call it']);
  if (policy.deadline_ns) out.push(['Deadline', format.ns(policy.deadline_ns)]);
  if (policy.outstanding) out.push(['Under way', `at most ${policy.outstanding}`]);
  if (policy.outstanding_per_caller) {
    out.push(['Of one caller', `at most ${policy.outstanding_per_caller}`]);
  }
  if (policy.rate) {
    out.push(['Rate', `${policy.rate} each ${format.ns(policy.rate_per_ns)}, ${policy.burst} at once`]);
  }
  if (policy.breaker_percent) {
    out.push(['Breaker', `opens at ${policy.breaker_percent} % of ${policy.breaker_calls} calls or more ` +
      `in ${format.ns(policy.breaker_window_ns)}, for ${format.ns(policy.breaker_open_ns)}`],
    ['Circuit', policy.circuit]);
  }
  return out;
}

function refused(policy) {
  return [['denied', policy.denied], ['over the rate', policy.over_rate],
    ['over what may be under way', policy.over_outstanding], ['at the open circuit', policy.at_open_circuit]]
    .filter(([, n]) => n > 0).map(([word, n]) => `${format.count(n)} ${word}`).join(', ');
}

export function policyList(policy) {
  if (!policy) return h('p', {class: 'hint'}, 'This name has no policy.');
  const rows = asked(policy);
  const no = refused(policy);
  if (no) rows.push(['Refused so far', no]);
  if (!rows.length) return h('p', {class: 'hint'}, 'Nothing is asked of its callers.');
  return h('dl', {class: 'policy'}, rows.map(([title, value]) =>
    h('div', null, h('dt', null, title), h('dd', null, value))));
}
