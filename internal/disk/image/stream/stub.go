package stream
import ("context";"github.com/lenscap/lenscap/internal/disk/block";"github.com/lenscap/lenscap/internal/disk/image")
type Xz struct{}
func (Xz) Name() string { return "xz" }
func (Xz) Open(ctx context.Context, src block.Source, env *image.Env) ([]image.Disk, error) { return nil, block.ErrNotThis }
type Zstd struct{}
func (Zstd) Name() string { return "zstd" }
func (Zstd) Open(ctx context.Context, src block.Source, env *image.Env) ([]image.Disk, error) { return nil, block.ErrNotThis }
