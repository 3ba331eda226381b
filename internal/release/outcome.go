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
	if o.Action.Ladder.Reasserts != l.Reasserts { // it speaks of weights that another writer has set since
		return
	}
	done := o.Result == Performed
	switch {
	case o.Action.Deed == ScaleUp && l.Step == Ready:
		if done {
			l.Scaled, l.ScaledAt = l.Scaled+1, o.At
		}
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

// told records a delivery, so that it is not repeated. What was given up counts as told, too.
func (t *turn) told(o Outcome) {
	if o.Result != Performed && o.Result != Expired {
		return
	}
	if o.Action.Deed == TellStory {
		t.toldStory(o)
		return
	}
	if in := t.spokenOf(o.Action); in != nil {
		t.toldOf(o, in.mark())
	}
}

// toldOf records how a page about the incident with that mark went.
func (t *turn) toldOf(o Outcome, mark string) {
	r := t.row(o.Action.Sink, mark)
	r.Ref = orElse(o.Ref, r.Ref)
	moment := &r.Opened
	if o.Action.Deed == ClosePage {
		moment = &r.Closed
	}
	if o.Result == Expired {
		moment = &r.Expired
	}
	if moment.IsZero() {
		*moment = o.At
	}
}

// toldStory records an edition. One that was given up does not keep the next from being told.
func (t *turn) toldStory(o Outcome) {
	r := t.row(o.Action.Sink, storyKey)
	if o.Action.Story <= r.Story {
		return
	}
	r.Story, r.Ref, r.Expired = o.Action.Story, orElse(o.Ref, r.Ref), 0
	if o.Result == Expired {
		r.Expired = o.At
	}
}

// spokenOf finds the incident that a page was about, if it is still kept.
func (t *turn) spokenOf(a Action) *Incident {
	for i := range t.s.Incidents {
		if in := &t.s.Incidents[i]; in.Key(t.o.Namespace, t.o.Spec.Name()) == a.Key {
			return in
		}
	}
	return nil
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
