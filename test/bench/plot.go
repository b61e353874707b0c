package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// plotCmd measures sizes and draws what came out.
type plotCmd struct {
	common
	Sizes  []int64 `default:"10000,100000,1000000" help:"Rows a side."`
	Memory string  `default:"1GiB" help:"Budget of the product."`
	Data   string  `default:"../../recon/measured.csv" type:"path" help:"Data file; it is written anew."`
	Image  string  `default:"../../recon/measured.svg" type:"path" help:"SVG; it is written anew."`
	Keep   bool    `help:"Draw the data file that is there; measure nothing."`
}

// point is one measured size.
type point struct {
	records        int64 // a side
	wall, cpu, own float64
}

// Run measures, unless told to keep, and draws.
func (cmd *plotCmd) Run(ctx context.Context, out io.Writer) error {
	if !cmd.Keep {
		points, err := cmd.measure(ctx, out)
		if err != nil {
			return err
		}
		if err := writePoints(cmd.Data, points); err != nil {
			return fmt.Errorf("write data: %w", err)
		}
	}
	points, err := readPoints(cmd.Data)
	if err != nil {
		return fmt.Errorf("read data: %w", err)
	}
	if err := drawPoints(cmd.Image, points); err != nil {
		return fmt.Errorf("draw: %w", err)
	}
	fmt.Fprintln(out, cmd.Image)
	return nil
}

func (cmd *plotCmd) measure(ctx context.Context, out io.Writer) ([]point, error) {
	var points []point
	for _, size := range cmd.Sizes {
		p, err := cmd.point(ctx, out, size)
		if err != nil {
			return nil, err
		}
		points = append(points, p)
	}
	var growth []goal
	for i := 1; i < len(points); i++ {
		less, more := points[i-1], points[i]
		growth = append(growth, goal{
			what: fmt.Sprintf("times the processor time a record at %d records, of that at %d", more.records, less.records),
			got:  more.cpu / float64(more.records) / (less.cpu / float64(less.records)), most: 1.25,
		})
	}
	goals(out, growth...)
	return points, nil
}

// point measures one size. Its files are removed: the largest need many times the room of the smallest.
func (cmd *plotCmd) point(ctx context.Context, out io.Writer, size int64) (point, error) {
	const name = "plot"
	defer os.RemoveAll(filepath.Join(cmd.Dir, name))
	files, err := generate(ctx, cmd.Dir, name, config(cmd.common, size, 0.00001))
	if err != nil {
		return point{}, err
	}
	one := []contender{cmd.touchstone(fmt.Sprintf("%d records a side", size), files, "--memory", cmd.Memory)}
	one[0].files = nil // the largest do not fit into the page cache, and what a program leaves there is its own affair
	if err := turns(ctx, cmd.Rounds, one); err != nil {
		return point{}, err
	}
	m := medians(one[0].runs)
	return point{size, m.wall, m.cpu, m.anon}, table(out, []fileSet{files}, one)
}

func writePoints(name string, points []point) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := csv.NewWriter(f)
	rows := [][]string{{"records_a_side", "wall_seconds", "cpu_seconds", "own_memory_bytes"}}
	for _, p := range points {
		rows = append(rows, []string{strconv.FormatInt(p.records, 10), fmt.Sprintf("%.4f", p.wall), fmt.Sprintf("%.4f", p.cpu), fmt.Sprintf("%.0f", p.own)})
	}
	return errors.Join(w.WriteAll(rows), f.Close())
}

func readPoints(name string) ([]point, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, err
	}
	var points []point
	for i, row := range rows[min(1, len(rows)):] {
		var numbers [4]float64
		for at, cell := range row {
			if numbers[at], err = strconv.ParseFloat(cell, 64); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", name, i+2, err)
			}
		}
		points = append(points, point{int64(numbers[0]), numbers[1], numbers[2], numbers[3]})
	}
	if len(points) == 0 {
		return nil, fmt.Errorf("%s holds no points", name)
	}
	return points, nil
}

// drawPoints draws time above memory, both axes logarithmic: a straight line that rises by ten for ten is linear.
func drawPoints(name string, points []point) error {
	times, err := chart("seconds", map[string]func(point) float64{
		"wall": func(p point) float64 { return p.wall }, "processor": func(p point) float64 { return p.cpu }}, points)
	if err != nil {
		return err
	}
	memory, err := chart("own memory, MiB", map[string]func(point) float64{
		"memory": func(p point) float64 { return p.own / mib }}, points)
	if err != nil {
		return err
	}
	const width, height = 16 * vg.Centimeter, 18 * vg.Centimeter
	canvas := vgsvg.New(width, height)
	whole := draw.New(canvas)
	const margin = 3 * vg.Millimeter
	times.Draw(draw.Crop(whole, margin, -margin, height/2+margin, -margin))
	memory.Draw(draw.Crop(whole, margin, -margin, margin, -height/2-margin))
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = canvas.WriteTo(f)
	return errors.Join(err, f.Close())
}

func chart(label string, lines map[string]func(point) float64, points []point) (*plot.Plot, error) {
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = "records a side", label
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.LogTicks{Prec: -1}, plot.LogTicks{Prec: -1}
	p.Legend.Top, p.Legend.Left, p.Legend.Padding = true, true, vg.Millimeter
	p.Add(plotter.NewGrid())
	for i, title := range []string{"wall", "processor", "memory"} {
		of, ok := lines[title]
		if !ok {
			continue
		}
		xys := plotter.XYs{}
		for _, pt := range points {
			xys = append(xys, plotter.XY{X: float64(pt.records), Y: max(of(pt), 1e-3)})
		}
		line, dots, err := plotter.NewLinePoints(xys)
		if err != nil {
			return nil, err
		}
		line.Dashes = [][]vg.Length{nil, {vg.Points(4), vg.Points(3)}, nil}[i]
		p.Add(line, dots)
		p.Legend.Add(title, line, dots)
	}
	p.Y.Min, p.Y.Max = math.Pow(10, math.Floor(math.Log10(p.Y.Min))), math.Pow(10, math.Ceil(math.Log10(p.Y.Max)))
	return p, nil
}
