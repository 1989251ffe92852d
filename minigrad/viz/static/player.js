(() => {
  const $ = id => document.getElementById(id), {steps, start} = JSON.parse($('steps').textContent)
  const figure = $('figure'), last = steps.length, root = document.documentElement
  let k = 0, timer = 0
  const draw = () => {
    const step = k ? steps[k - 1] : start, seen = new Set(steps.slice(0, k).flatMap(s => s.show))
    steps.forEach(s => s.show.forEach(id => $(id).classList.toggle('hide', !seen.has(id))))
    figure.querySelectorAll('.on, .new').forEach(e => e.classList.remove('on', 'new'))
    step.on.forEach(id => $(id).classList.add('on'))
    step.show.forEach(id => $(id).classList.add('new'))
    $('text').textContent = step.text[+(root.lang == 'zh')]
    $('text').className = step.phase
    $('slider').value = k
    $('slider').setAttribute('aria-valuetext', $('count').textContent = k + ' / ' + last)
    if (step.on[0]) {
      const e = $(step.on[0]).getBoundingClientRect(), f = figure.getBoundingClientRect()
      if (e.left < f.left || e.right > f.right) figure.scrollLeft += (e.left + e.right - f.left - f.right) / 2
    }
  }
  const go = n => { k = Math.max(0, Math.min(last, n)); draw() }
  const play = on => {
    clearInterval(timer)
    timer = on && setInterval(() => { go(k + 1); if (k == last) play(0) }, 1200)
    document.body.classList.toggle('playing', !!on)
    if (on) go(k < last ? k + 1 : 0)
  }
  $('back').onclick = () => go(k - 1)
  $('next').onclick = () => go(k + 1)
  $('slider').oninput = e => go(+e.target.value)
  $('play').onclick = () => play(!timer)
  $('language').onclick = () => { root.lang = root.lang == 'zh' ? 'en' : 'zh'; draw() }
  onkeydown = e => {
    const n = {ArrowLeft: k - 1, ArrowRight: k + 1, Home: 0, End: last}[e.key]
    if (n == null || e.target == $('slider') || e.ctrlKey || e.metaKey || e.altKey) return
    e.preventDefault()
    go(n)
  }
  $('bar').hidden = $('text').hidden = $('language').hidden = false
  draw()
})()
