package release

// takeOutcomes records how the actions went.
func takeOutcomes(t *turn) {
	for _, o := range t.o.Outcomes {
		if o.Action.Tells() {
			t.told(o)
			continue
		}
		t.acted(o)
	}
}

func (t *turn) acted(o Outcome) {
	l := t.s.Ladder
	if l == nil || o.Action.Ladder == nil || o.Action.Ladder.Decided != l.Decided {
		return
	}
	done := o.Result == Performed
	switch {
	case o.Action.Deed == ScaleUp && l.Step == Ready:
		if done && l.Warmed.IsZero() {
			l.Warmed = o.At
		}
		l.stuck(o)
	case o.Action.Deed == SetShares && l.Step == Shift:
		if done {
			t.shifted(l, o.At)
			return
		}
		l.stuck(o)
		if o.Result == Refused {
			l.Step = Ready
		}
	case o.Action.Deed == ScaleAway && l.Step == ScaleDown:
		if done {
			t.finish(l, "")
		} else if o.Result == Refused {
			t.finish(l, o.Detail)
		}
	}
}

// stuck keeps why an action can't be done; a conflict is no trouble, only another try.
func (l *Ladder) stuck(o Outcome) {
	l.Refused = o.Result == Refused
	switch o.Result {
	case Performed:
		l.Stuck = ""
	case Refused, Failed:
		l.Stuck = clip(string(o.Action.Deed)+": "+o.Detail, 500)
	}
}

// told records a delivery, so that it is not repeated.
func (t *turn) told(o Outcome) {
	if o.Result != Performed && o.Result != Expired {
		return
	}
	r := t.row(o.Action.Sink, o.Action.Key)
	if o.Ref != "" {
		r.Ref = o.Ref
	}
	if o.Result == Expired {
		r.Expired = o.At
	}
	switch o.Action.Deed {
	case OpenPage:
		r.Opened = o.At
	case ClosePage:
		r.Closed = o.At
	case TellStory:
		r.Story = max(r.Story, o.Action.Story)
	}
}

// row gives the record of what a sink was told of one thing, and makes it if need be.
func (t *turn) row(sink, key string) *Told {
	for i := range t.s.Told {
		if t.s.Told[i].Sink == sink && t.s.Told[i].Key == key {
			return &t.s.Told[i]
		}
	}
	t.s.Told = append(t.s.Told, Told{Sink: sink, Key: key})
	return &t.s.Told[len(t.s.Told)-1]
}

// told gives the record of what a sink was told of one thing.
func (s State) told(sink, key string) Told {
	for _, r := range s.Told {
		if r.Sink == sink && r.Key == key {
			return r
		}
	}
	return Told{Sink: sink, Key: key}
}
