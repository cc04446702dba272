package lab

import (
	"github.com/lenscap/lenscap"
	"github.com/lenscap/lenscap/internal/lab/aws"
)

// exports are disks in object storage: one in a bucket open to the world, two
// in a bucket whose public access is blocked, one whose object is gone.
func (t *teller) exports(r *aws.Region) {
	const golden, erp, lost = "golden-2026.bin", "vm/erp.vmdk", "vm/lost.vmdk"
	task := t.id("export-ami")
	r.AddStoreTask(aws.ExportTask{Of: t.id("ami"), Bucket: StoreBucket, Key: golden, Started: t.days(30)})
	r.AddImageExport(aws.ExportTask{ID: task, Of: t.id("ami"), Bucket: ExportBucket, Key: "images/", Format: "vmdk", Started: t.days(25)})
	r.AddInstanceExport(aws.ExportTask{ID: t.id("export-i"), Of: t.id("i"), Bucket: ExportBucket, Key: erp, Format: "vmdk", Started: t.days(22)})
	r.AddInstanceExport(aws.ExportTask{ID: t.id("export-i"), Of: t.id("i"), Bucket: ExportBucket, Key: lost, Format: "vmdk", Started: t.days(300)})
	object := func(key string, groups ...string) aws.Object {
		return aws.Object{Key: key, Size: 3 << 30, Groups: groups, Created: t.days(22)}
	}
	on := true
	r.AddBucket(aws.Bucket{Name: StoreBucket, Objects: []aws.Object{object(golden)}, Policy: `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::` + StoreBucket + `/*"}]}`})
	r.AddBucket(aws.Bucket{Name: ExportBucket, Block: &on, Objects: []aws.Object{object("images/" + task + ".vmdk"), object(erp, "AllUsers")}})
	gone := []lenscap.ResidueKind{lenscap.ResidueImageGone}
	t.know(r, lenscap.KindDiskObject, StoreBucket+"/"+golden,
		Truth{Verdict: lenscap.VerdictLivePublic, Readable: lenscap.Yes, Residues: gone, Why: "a stored image in a bucket open to the world"})
	t.know(r, lenscap.KindDiskObject, ExportBucket+"/images/"+task+".vmdk",
		Truth{Verdict: lenscap.VerdictPrivate, Residues: gone, Why: "an exported image in a private bucket"})
	machine := []lenscap.ResidueKind{lenscap.ResidueInstanceGone}
	t.know(r, lenscap.KindDiskObject, ExportBucket+"/"+erp,
		Truth{Verdict: lenscap.VerdictLatentPublic, Readable: lenscap.No, Residues: machine, Why: "a list open to all, held back by the bucket's block"})
	t.know(r, lenscap.KindDiskObject, ExportBucket+"/"+lost,
		Truth{Verdict: lenscap.VerdictPrivate, Residues: machine, Why: "an export whose object is gone"})
}
