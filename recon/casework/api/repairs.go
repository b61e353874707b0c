package api

import (
	"net/http"

	"github.com/seed-3356bd69/touchstone/recon/casework"
)

func repairAnswer(r casework.Repair, err error) (answer, error) { return answer{http.StatusOK, r}, err }

func (a *API) propose(r *request) (answer, error) {
	var in casework.Proposal
	if err := r.read(&in); err != nil {
		return answer{}, err
	}
	made, err := a.Desk.Propose(r.Context(), r.who, r.PathValue("id"), in)
	return answer{http.StatusCreated, made}, err
}

func (a *API) repair(r *request) (answer, error) {
	return repairAnswer(a.Desk.Repair(r.Context(), r.PathValue("id")))
}

// begun lists repairs whose end is not known.
func (a *API) begun(r *request) (answer, error) {
	all, err := a.Desk.Begun(r.Context())
	return answer{http.StatusOK, map[string][]casework.Repair{"repairs": all}}, err
}

func (a *API) approve(r *request) (answer, error) {
	var in reason
	if err := r.read(&in); err != nil {
		return answer{}, err
	}
	return repairAnswer(a.Desk.Approve(r.Context(), r.who, r.PathValue("id"), in.Reason))
}

func (a *API) reject(r *request) (answer, error) {
	var in reason
	if err := r.read(&in); err != nil {
		return answer{}, err
	}
	return repairAnswer(a.Desk.Reject(r.Context(), r.who, r.PathValue("id"), in.Reason))
}

func (a *API) apply(r *request) (answer, error) {
	var in struct {
		Reference string `json:"reference"`
	}
	if err := r.read(&in); err != nil {
		return answer{}, err
	}
	return repairAnswer(a.Desk.Apply(r.Context(), r.who, r.PathValue("id"), in.Reference))
}
