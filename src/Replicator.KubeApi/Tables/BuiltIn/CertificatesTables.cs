namespace Replicator.KubeApi.Tables.BuiltIn;

/// <summary>The group <c>certificates.k8s.io</c>.</summary>
static class CertificatesTables
{
    public static BuiltInTable[] All =>
    [
        new("certificatesigningrequests.certificates.k8s.io",
        [
            Column.Name,
            Column.Age,
            Column.Text("SignerName", "Requested signer for the request. It is a qualified name in the form: `scope-hostname.io/name`. If empty, it will be defaulted:\n 1. If it's a kubelet client certificate, it is assigned\n    \"kubernetes.io/kube-apiserver-client-kubelet\".\n 2. If it's a kubelet serving certificate, it is assigned\n    \"kubernetes.io/kubelet-serving\".\n 3. Otherwise, it is assigned \"kubernetes.io/legacy-unknown\".\nDistribution of trust for signers happens out of band. You can select on this field using `spec.signerName`."),
            Column.Text("Requestor", "Base64-encoded PKCS#10 CSR data"),
            Column.Text("RequestedDuration", "expirationSeconds is the requested duration of validity of the issued certificate. The certificate signer may issue a certificate with a different validity duration so a client must check the delta between the notBefore and and notAfter fields in the issued certificate to determine the actual duration.\n\nThe v1.22+ in-tree implementations of the well-known Kubernetes signers will honor this field as long as the requested duration is not greater than the maximum duration they will honor per the --cluster-signing-duration CLI flag to the Kubernetes controller manager.\n\nCertificate signers may not honor this field for various reasons:\n\n  1. Old signer that is unaware of the field (such as the in-tree\n     implementations prior to v1.22)\n  2. Signer whose configured maximum is shorter than the requested duration\n  3. Signer whose configured minimum is longer than the requested duration\n\nThe minimum valid value for expirationSeconds is 600, i.e. 10 minutes."),
            Column.Text("Condition", "Conditions applied to the request, such as approval or denial."),
        ], CertificateSigningRequest),
        new("clustertrustbundles.certificates.k8s.io",
        [
            Column.Name,
            Column.Text("SignerName", "signerName indicates the associated signer, if any.\n\nIn order to create or update a ClusterTrustBundle that sets signerName, you must have the following cluster-scoped permission: group=certificates.k8s.io resource=signers resourceName=<the signer name> verb=attest.\n\nIf signerName is not empty, then the ClusterTrustBundle object must be named with the signer name as a prefix (translating slashes to colons). For example, for the signer name `example.com/foo`, valid ClusterTrustBundle object names include `example.com:foo:abc` and `example.com:foo:v1`.\n\nIf signerName is empty, then the ClusterTrustBundle object's name must not have such a prefix.\n\nList/watch requests for ClusterTrustBundles can filter on this field using a `spec.signerName=NAME` field selector."),
        ], ClusterTrustBundle),
        new("podcertificaterequests.certificates.k8s.io",
        [
            Column.Name,
            Column.Text("PodName", "podName is the name of the pod into which the certificate will be mounted."),
            Column.Text("ServiceAccountName", "serviceAccountName is the name of the service account the pod is running as."),
            Column.Text("NodeName", "nodeName is the name of the node the pod is assigned to."),
            Column.Text("SignerName", "signerName indicates the requested signer.\n\nAll signer names beginning with `kubernetes.io` are reserved for use by the Kubernetes project.  There is currently one well-known signer documented by the Kubernetes project, `kubernetes.io/kube-apiserver-client-pod`, which will issue client certificates understood by kube-apiserver.  It is currently unimplemented."),
            Column.Text("State", "Is the request Pending, Issued, Denied, or Failed?"),
        ], PodCertificateRequest),
    ];

    static void CertificateSigningRequest(TableRow row)
    {
        var (spec, status) = (row.Spec, row.Status);
        row.WriteName();
        row.WriteAge();
        row.WriteUnlessEmpty(spec["signerName"u8], "<none>"u8);
        row.Write(spec["username"u8]);
        if (spec["expirationSeconds"u8].TryGetInteger(out var seconds))
            row.Text.AddDuration(Math.Clamp(seconds, int.MinValue, int.MaxValue) * TimeSpan.TicksPerSecond);
        row.WriteText("<none>"u8);

        var (isApproved, isDenied, isFailed) = (false, false, false);
        foreach (var condition in status["conditions"u8])
        {
            isApproved |= condition["type"u8].Is("Approved"u8);
            isDenied |= condition["type"u8].Is("Denied"u8);
            isFailed |= condition["type"u8].Is("Failed"u8);
        }
        row.Text.Add(isDenied ? "Denied"u8 : isApproved ? "Approved"u8 : "Pending"u8);
        if (isFailed)
            row.Text.Add(",Failed"u8);
        if (status["certificate"u8].HasText)
            row.Text.Add(",Issued"u8);
        row.WriteText();
    }

    static void ClusterTrustBundle(TableRow row)
    {
        row.WriteName();
        row.WriteUnlessEmpty(row.Spec["signerName"u8], "<none>"u8);
    }

    static void PodCertificateRequest(TableRow row)
    {
        row.WriteName();
        row.Write(row.Spec["podName"u8]);
        row.Write(row.Spec["serviceAccountName"u8]);
        row.Write(row.Spec["nodeName"u8]);
        row.Write(row.Spec["signerName"u8]);
        var state = "Pending"u8;
        foreach (var condition in row.Status["conditions"u8])
        {
            if (condition["type"u8].Is("Issued"u8))
                state = "Issued"u8;
            else if (condition["type"u8].Is("Denied"u8))
                state = "Denied"u8;
            else if (condition["type"u8].Is("Failed"u8))
                state = "Failed"u8;
        }
        row.Write(state);
    }
}
