// What the plain pages do: send their forms as JSON, say what came of it, and draw lists. All text is set as text.
'use strict';

// The theme that was chosen in the panel, before anything is drawn.
try {
  const theme = localStorage.getItem('switchboard-theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch { /* without storage the system's theme counts */ }

// What the pages say, in each language but the one they are written in. A language more is a table more.
const WORDS = {
  de: {
    'Account': 'Konto',
    'Account · Switchboard': 'Konto · Switchboard',
    'Accounts': 'Konten',
    'Add or change a user': 'Nutzer hinzufügen oder ändern',
    'A browser': 'Ein Browser',
    'A question': 'Eine Frage',
    'A new user needs a password.': 'Ein neuer Nutzer braucht ein Passwort.',
    'Ask': 'Fragen',
    'Change': 'Ändern',
    'Client id, if rules ask for it': 'Client-Kennung, falls Regeln danach fragen',
    'Code behind the # of the printed link': 'Code hinter dem # des ausgegebenen Links',
    'Go on without logging in': 'Ohne Anmeldung weiter',
    'Groups: {}': 'Gruppen: {}',
    'Groups, with commas between them;': 'Gruppen, durch Kommas getrennt;',
    'In no group.': 'In keiner Gruppe.',
    'in no group': 'in keiner Gruppe',
    'is whoever comes without one': 'ist, wer ohne Namen kommt',
    'Log in': 'Anmelden',
    'Log in · Switchboard': 'Anmelden · Switchboard',
    'Log out': 'Abmelden',
    'Logins': 'Anmeldungen',
    'Make it mine': 'In Besitz nehmen',
    'Make it yours': 'In Besitz nehmen',
    'Make it yours · Switchboard': 'In Besitz nehmen · Switchboard',
    'May somebody do something?': 'Darf jemand etwas?',
    'may change users': 'darf Nutzer ändern',
    'No': 'Nein',
    'Nobody owns this Switchboard yet. Choose a name and a password: you become its first user, who may add others.':
      'Dieses Switchboard gehört noch niemandem. Wer hier einen Namen und ein Passwort wählt, wird sein erster Nutzer und kann andere hinzufügen.',
    'Panel': 'Tafel',
    'Password': 'Passwort',
    'Password, 8 characters or more': 'Passwort, mindestens 8 Zeichen',
    'Password, 8 characters or more; empty leaves it as it is': 'Passwort, mindestens 8 Zeichen; leer bleibt es, wie es ist',
    'Permissions': 'Rechte',
    'Permissions · Switchboard': 'Rechte · Switchboard',
    'Really?': 'Wirklich?',
    'Remove': 'Entfernen',
    'Save': 'Speichern',
    'Show the password': 'Passwort zeigen',
    'Switchboard does not answer. Is it still running?': 'Switchboard antwortet nicht. Läuft es noch?',
    'There are no users yet. Add one with `switchboard user add NAME`.':
      'Es gibt noch keine Nutzer. Der erste wird mit `switchboard user add NAME` hinzugefügt.',
    'The time of this link is over; start Switchboard again, and it prints another.':
      'Die Zeit dieses Links ist um; Switchboard neu starten, dann gibt es einen anderen aus.',
    'The user name or the password is wrong.': 'Der Name oder das Passwort stimmt nicht.',
    'This is not the link that was printed last.': 'Das ist nicht der zuletzt ausgegebene Link.',
    'This page needs JavaScript. Please allow it for this address.':
      'Diese Seite braucht JavaScript. Bitte für diese Adresse erlauben.',
    'This Switchboard has its first user already. Log in instead.':
      'Dieses Switchboard hat seinen ersten Nutzer schon. Stattdessen anmelden.',
    'This Switchboard has its first user already; log in instead.':
      'Dieses Switchboard hat seinen ersten Nutzer schon; stattdessen anmelden.',
    'Too many log in at once; try again in a moment.': 'Zu viele melden sich gerade an; gleich noch einmal versuchen.',
    'Topic, or a filter to subscribe to': 'Thema oder Filter zum Abonnieren',
    'Use a password of 8 characters or more.': 'Ein Passwort mit mindestens 8 Zeichen nehmen.',
    'User name': 'Name',
    'User;': 'Nutzer;',
    'Users': 'Nutzer',
    'Users · Switchboard': 'Nutzer · Switchboard',
    'What for': 'Wofür',
    'Where you are logged in': 'Angemeldet auf',
    'Who is logged in where': 'Wer wo angemeldet ist',
    'Who may log in': 'Wer sich anmelden darf',
    'Yes': 'Ja',
    'You': 'Dieses Konto',
    'Your name here': 'Name an diesem Switchboard',
    'from {} since {}; last used {}': 'von {} seit {}; zuletzt benutzt {}',
    'publish to': 'senden an',
    'subscribe to': 'abonnieren',
    'to the Switchboard at': 'am Switchboard',
    '{} (connected)': '{} (verbunden)',
    '{} (this one)': '{} (dieser hier)',
    '{} is saved.': '{} ist gespeichert.',
    '{} on {}': '{} auf {}',
    '{}; stands in the configuration': '{}; steht in der Konfiguration',
  },
};

// The language that was chosen in the panel, or else the first of the browser's that there is.
function language() {
  let chosen = null;
  try {
    chosen = localStorage.getItem('switchboard-language');
  } catch { /* without storage the browser's counts */ }
  const wished = chosen ? [chosen] : navigator.languages.map(tag => tag.split('-')[0]);
  return wished.find(code => code === 'en' || Object.hasOwn(WORDS, code)) ?? 'en';
}

const lang = language();
const table = WORDS[lang] ?? {};

// Words in that language, with values in place of each {}.
function t(words, ...values) {
  const said = Object.hasOwn(table, words) ? table[words] : words;
  return values.reduce((text, value) => text.replace('{}', () => value), said);
}

// The texts of a page as it stands; what frames them stays.
function translate() {
  document.documentElement.lang = lang;
  document.title = t(document.title);
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    const words = text.data.trim();
    if (words) text.data = text.data.replace(words, () => t(words));
  }
  for (const named of document.querySelectorAll('[aria-label]')) {
    named.dataset.name = named.getAttribute('aria-label');
    named.setAttribute('aria-label', t(named.dataset.name));
  }
}

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
    throw Object.assign(new Error(t('Switchboard does not answer. Is it still running?')), { status: 0 });
  }
  if (!answer.ok) {
    const words = told.error || 'that did not work';
    throw Object.assign(new Error(t(words[0].toUpperCase() + words.slice(1) + '.')), { status: answer.status });
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
  const button = element('button', t(words));
  button.type = 'button';
  button.addEventListener('click', () => {
    if (button.classList.contains('sure')) return work(button);
    button.classList.add('sure');
    button.textContent = t(sure);
    button.addEventListener('blur', () => {
      button.classList.remove('sure');
      button.textContent = t(words);
    }, { once: true });
  });
  return button;
}

const when = ms => new Date(ms).toLocaleString(lang === 'en' ? [] : lang, { dateStyle: 'medium', timeStyle: 'short' });

// What calls itself Mozilla/5.0 (…) … Chrome/… in a few words.
function browser(agent) {
  const name = ['Edg', 'OPR', 'Firefox', 'Chrome', 'Safari'].find(word => agent.includes(word + '/'));
  const system = ['Android', 'iPhone', 'iPad', 'Windows', 'Mac OS', 'Linux'].find(word => agent.includes(word));
  const names = { Edg: 'Edge', OPR: 'Opera' };
  if (!name) return agent.slice(0, 60) || t('A browser');
  return system ? t('{} on {}', names[name] ?? name, system) : names[name] ?? name;
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
    if (!me.has_users) say(document, '.wrong', t('There are no users yet. Add one with `switchboard user add NAME`.'));
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
      say(form, '.wrong', t('This Switchboard has its first user already. Log in instead.'));
      const link = element('a', t('Log in'));
      link.href = '/login';
      form.after(element('p', '', link));
      form.nextElementSibling.className = 'lead';
    }
  },

  async account(me) {
    find('[data-user]').textContent = me.user;
    find('[data-groups]').textContent = me.groups?.length ? t('Groups: {}', me.groups.join(', ')) : t('In no group.');
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
        const is = session.id === own ? '{} (this one)' : session.is_connected ? '{} (connected)' : '{}';
        const about = t('from {} since {}; last used {}', session.address, when(session.began_ms), when(session.used_ms));
        const end = sureButton('Log out', 'Really?', button => act(card, button, async () => {
          await ask('DELETE', '/api/sessions/' + session.id);
          session.id === own ? toLogin() : await draw();
        }));
        const facts = element('div', '', element('strong', t(is, whose + browser(session.agent))), element('small', about));
        return element('li', '', facts, end);
      }));
    };
    if (me.is_admin) find('[data-name=Logins] h2').textContent = t('Who is logged in where');
    await draw();
  },

  async users() {
    const form = find('[data-put]');
    const draw = async () => {
      const { users } = await ask('GET', '/api/users');
      find('[data-users]').replaceChildren(...users.map(user => {
        const groups = user.groups.length ? user.groups.join(', ') : t('in no group');
        const about = user.is_configured ? t('{}; stands in the configuration', groups) : groups;
        const facts = element('div', '', element('strong', user.name), element('small', about));
        if (user.is_configured) return element('li', '', facts);
        const change = element('button', t('Change'));
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
      say(form, '.fine', t('{} is saved.', name));
    });
    await draw();
  },

  async permissions() {
    const verdict = find('[data-verdict]');
    onSubmit(find('[data-why]'), async values => {
      verdict.hidden = true;
      const { may, words } = await ask('GET', '/api/why?' + new URLSearchParams(values));
      verdict.className = 'card verdict ' + (may ? 'yes' : 'no');
      find('h2', verdict).textContent = t(may ? 'Yes' : 'No');
      find('p', verdict).textContent = words;
      verdict.hidden = false;
    });
    const { users } = await ask('GET', '/api/users');
    find('#users').append(...users.map(user => Object.assign(element('option'), { value: user.name })));
  },
};

document.addEventListener('DOMContentLoaded', async () => {
  const { page } = document.body.dataset;
  translate();
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
