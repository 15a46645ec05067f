// What the plain pages do: send their forms as JSON, say what came of it, and draw lists. All text is set as text.
'use strict';

// The theme that was chosen in the panel, before anything is drawn.
try {
  const theme = localStorage.getItem('switchboard-theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch { /* without storage the system's theme counts */ }

const find = (selector, within = document) => within.querySelector(selector);

// Answers are JSON; what went wrong is thrown in words.
async function ask(method, path, body) {
  const headers = body ? { 'Content-Type': 'application/json' } : {};
  let answer, told = null;
  try {
    answer = await fetch(path, { method, headers, body: body && JSON.stringify(body), cache: 'no-store' });
    const text = await answer.text();
    const isJson = answer.headers.get('Content-Type') === 'application/json';
    told = isJson ? JSON.parse(text) : { error: text };
  } catch {
    throw Object.assign(new Error('Switchboard does not answer. Is it still running?'), { status: 0 });
  }
  if (!answer.ok) {
    const words = told.error || 'that did not work';
    throw Object.assign(new Error(words[0].toUpperCase() + words.slice(1) + '.'), { status: answer.status });
  }
  return told;
}

function say(within, selector, words) {
  const place = find(selector, within);
  if (!place) return;
  place.textContent = words;
  place.hidden = !words;
}

// Does something for a form or a button, once at a time.
async function act(within, button, work) {
  if (button.disabled) return;
  button.disabled = true;
  say(within, '.wrong', '');
  say(within, '.fine', '');
  try {
    await work();
  } catch (error) {
    if (error.status === 401 && document.body.dataset.page !== 'login') return toLogin();
    say(within, '.wrong', error.message);
  } finally {
    button.disabled = false;
  }
}

function onSubmit(form, work) {
  form.addEventListener('submit', event => {
    event.preventDefault();
    const values = Object.fromEntries(new FormData(form));
    act(form, find('button[type=submit]', form), () => work(values));
  });
}

// A way back, but never to another place.
function back() {
  const wanted = new URLSearchParams(location.search).get('back') ?? '/';
  try {
    const url = new URL(wanted, location.origin);
    if (url.origin === location.origin) return url.pathname + url.search;
  } catch { /* no address at all */ }
  return '/';
}

function toLogin() {
  location.replace('/login?back=' + encodeURIComponent(location.pathname));
}

function element(name, text, ...children) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}

// A button that asks once more before it does something that cannot be undone.
function sureButton(words, sure, work) {
  const button = element('button', words);
  button.type = 'button';
  button.addEventListener('click', () => {
    if (button.classList.contains('sure')) return work(button);
    button.classList.add('sure');
    button.textContent = sure;
    button.addEventListener('blur', () => {
      button.classList.remove('sure');
      button.textContent = words;
    }, { once: true });
  });
  return button;
}

const when = ms => new Date(ms).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' });

// What calls itself Mozilla/5.0 (…) … Chrome/… in a few words.
function browser(agent) {
  const name = ['Edg', 'OPR', 'Firefox', 'Chrome', 'Safari'].find(word => agent.includes(word + '/'));
  const system = ['Android', 'iPhone', 'iPad', 'Windows', 'Mac OS', 'Linux'].find(word => agent.includes(word));
  const names = { Edg: 'Edge', OPR: 'Opera' };
  if (!name) return agent.slice(0, 60) || 'A browser';
  return (names[name] ?? name) + (system ? ' on ' + system : '');
}

const pages = {
  async login() {
    find('[data-host]').textContent = location.host;
    onSubmit(find('form'), async ({ name, password }) => {
      await ask('POST', '/api/login', { name, password });
      location.replace(back());
    });
    const me = await ask('GET', '/api/me');
    if (me.user) return location.replace(back());
    const free = find('[data-free]');
    find('a', free).href = back();
    free.hidden = me.needs_login;
    if (!me.has_users) say(document, '.wrong', 'There are no users yet. Add one with `switchboard user add NAME`.');
  },

  async claim() {
    const form = find('form');
    const token = decodeURIComponent(location.hash.slice(1));
    if (token) {
      form.elements.token.value = token;
      find('[data-code]').hidden = true;
      history.replaceState(null, '', location.pathname); // it stays in no history
    }
    onSubmit(form, async ({ token, name, password }) => {
      await ask('POST', '/api/claim', { token: token.trim(), name, password });
      location.replace('/');
    });
    const { is_unclaimed } = await ask('GET', '/api/claim');
    if (!is_unclaimed) {
      say(form, '.wrong', 'This Switchboard has its first user already. Log in instead.');
      const link = element('a', 'Log in');
      link.href = '/login';
      form.after(element('p', '', link));
      form.nextElementSibling.className = 'lead';
    }
  },

  async account(me) {
    find('[data-user]').textContent = me.user;
    find('[data-groups]').textContent = me.groups?.length ? 'Groups: ' + me.groups.join(', ') : 'In no group.';
    const card = find('.card');
    const out = find('[data-logout]');
    out.addEventListener('click', () => act(card, out, async () => {
      await ask('POST', '/api/logout');
      location.replace('/login');
    }));
    const draw = async () => {
      const { own, sessions } = await ask('GET', '/api/sessions');
      find('[data-sessions]').replaceChildren(...sessions.map(session => {
        const whose = session.user === me.user ? '' : session.user + ': ';
        const is = session.id === own ? ' (this one)' : session.is_connected ? ' (connected)' : '';
        const about = `from ${session.address} since ${when(session.began_ms)}; last used ${when(session.used_ms)}`;
        const end = sureButton('Log out', 'Really?', button => act(card, button, async () => {
          await ask('DELETE', '/api/sessions/' + session.id);
          session.id === own ? toLogin() : await draw();
        }));
        const facts = element('div', '', element('strong', whose + browser(session.agent) + is), element('small', about));
        return element('li', '', facts, end);
      }));
    };
    if (me.is_admin) find('[aria-label=Logins] h2').textContent = 'Who is logged in where';
    await draw();
  },

  async users() {
    const form = find('[data-put]');
    const draw = async () => {
      const { users } = await ask('GET', '/api/users');
      find('[data-users]').replaceChildren(...users.map(user => {
        const groups = user.groups.length ? user.groups.join(', ') : 'in no group';
        const where = user.is_configured ? '; stands in the configuration' : '';
        const facts = element('div', '', element('strong', user.name), element('small', groups + where));
        if (user.is_configured) return element('li', '', facts);
        const change = element('button', 'Change');
        change.type = 'button';
        change.addEventListener('click', () => {
          form.elements.name.value = user.name;
          form.elements.groups.value = user.groups.join(', ');
          form.elements.password.value = '';
          form.elements.password.focus();
        });
        const remove = sureButton('Remove', 'Really?', button => act(form, button, async () => {
          await ask('DELETE', '/api/users/' + encodeURIComponent(user.name));
          await draw();
        }));
        return element('li', '', facts, element('span', '', change, remove));
      }));
    };
    onSubmit(form, async ({ name, password, groups }) => {
      const list = groups.split(',').map(group => group.trim()).filter(Boolean);
      await ask('POST', '/api/users', { name, groups: list, ...(password ? { password } : {}) });
      form.reset();
      await draw();
      say(form, '.fine', `${name} is saved.`);
    });
    await draw();
  },

  async permissions() {
    const verdict = find('[data-verdict]');
    onSubmit(find('[data-why]'), async values => {
      verdict.hidden = true;
      const { may, words } = await ask('GET', '/api/why?' + new URLSearchParams(values));
      verdict.className = 'card verdict ' + (may ? 'yes' : 'no');
      find('h2', verdict).textContent = may ? 'Yes' : 'No';
      find('p', verdict).textContent = words;
      verdict.hidden = false;
    });
    const { users } = await ask('GET', '/api/users');
    find('#users').append(...users.map(user => Object.assign(element('option'), { value: user.name })));
  },
};

document.addEventListener('DOMContentLoaded', async () => {
  const { page } = document.body.dataset;
  for (const box of document.querySelectorAll('[data-shows]')) {
    box.addEventListener('change', () => {
      box.form.elements.password.type = box.checked ? 'text' : 'password';
    });
  }
  find(`.ways [href="/${page}"]`)?.setAttribute('aria-current', 'page');
  let me;
  try {
    if (page !== 'login' && page !== 'claim') {
      me = await ask('GET', '/api/me');
      if (!me.user) return toLogin();
      for (const place of document.querySelectorAll('[data-admin]')) place.hidden = !me.is_admin;
    }
    await pages[page](me);
  } catch (error) {
    const place = find('.wrong[role=alert]') ?? find('main').appendChild(element('p'));
    place.textContent = error.message;
    place.hidden = false;
  }
});
