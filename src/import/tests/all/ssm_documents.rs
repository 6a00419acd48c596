//! Documents of Systems Manager in, runbooks out.

use rrb_import::ssm;

use crate::support::{converted, refused, samples};

fn import(text: &str) -> rrb_import::Converted {
    converted(ssm::import, "Fix It.yaml", text)
}

/// A document with these steps, each line indented by two.
fn steps(steps: &str) -> String {
    format!(
        "schemaVersion: '0.3'\nparameters: {{ Id: {{ type: String }}, Ids: {{ type: StringList }} }}\nmainSteps:\n{}",
        steps.trim_start_matches('\n')
    )
}

#[test]
fn steps_of_every_kind() {
    let made = import(
        r#"
schemaVersion: "0.3"
description: "Mends */ a thing.\n\nIn ${many} ways."
assumeRole: "{{ Role }}"
files: { a.sh: { checksums: { sha256: x } } }
parameters:
  Role: { type: String, default: "" }
  InstanceId: { type: "AWS::EC2::Instance::Id", allowedPattern: "^i-[0-9a-f]+$", maxChars: 20 }
  Mode: { type: String, default: fast, allowedValues: [ fast, slow ] }
  Count: { type: Integer, default: "3" }
  Force: { type: Boolean, default: "nope" }
  Names: { type: StringList, default: [ a ], minItems: 1, allowedValues: [ a, b ] }
  Tags: { type: MapList, default: [ { Key: a, Value: b } ] }
  Odd: { type: String, allowedPattern: "^(?!x)" }
mainSteps:
  - name: Look
    action: aws:executeAwsApi
    maxAttempts: 3
    inputs: { Service: ec2, Api: DescribeInstances, InstanceIds: [ "{{ InstanceId }}" ] }
    outputs: [ { Name: State, Selector: "$.Reservations[0].Instances[0].State.Name", Type: String }, { Name: All, Selector: "$..Id", Type: StringList } ]
  - name: Choose
    action: aws:branch
    inputs:
      Choices:
        - { NextStep: Ask, Variable: "{{ Look.State }}", StringEquals: running }
        - { NextStep: Rest, And: [ { Variable: "{{ Mode }}", StartsWith: f }, { Not: { Variable: "{{ Count }}", NumericGreater: 2 } } ] }
        - { NextStep: Script, Variable: "{{ Mode }}", Sounds: like }
      Default: End
  - name: Ask
    action: aws:approve
    onFailure: step:Script
    timeoutSeconds: 3600
    inputs: { Message: "Stop {{ InstanceId }}?", MinRequiredApprovals: 2, Approvers: [ "arn:aws:iam::1:user/a" ], NotificationArn: "x" }
  - name: Rest
    action: aws:sleep
    inputs: { Duration: PT1H30M }
  - name: Stop
    action: aws:changeInstanceState
    onFailure: Continue
    inputs: { InstanceIds: [ "{{ InstanceId }}" ], DesiredState: stopped, Force: true }
  - name: Mark
    action: aws:createTags
    onCancel: Abort
    inputs: { ResourceIds: [ "{{ InstanceId }}" ], Tags: [ { Key: by, Value: "{{ automation:EXECUTION_ID }}" } ] }
  - name: Command
    action: aws:runCommand
    inputs: { DocumentName: AWS-RunShellScript, InstanceIds: [ "{{ InstanceId }}" ], Parameters: { commands: [ "echo ${x} \"{{ Mode }}\"" ] } }
  - name: Script
    action: aws:executeScript
    isCritical: false
    inputs: { Runtime: python3.11, Handler: main, InputPayload: { a: "{{ Look.State }}", Password: hunter2 }, Script: "def main(e, c):\n  return 1\n" }
    outputs: [ { Name: Result, Selector: $.Payload.r, Type: String } ]
  - name: Lambda
    action: aws:invokeLambdaFunction
    inputs: { FunctionName: f, Payload: "{{ Script.Result }}" }
  - name: Check
    action: aws:assertAwsResourceProperty
    inputs: { Service: ec2, Api: DescribeInstances, PropertySelector: "$.A[*]", DesiredValues: [ x ] }
  - name: End
    action: aws:waitForAwsResourceProperty
    inputs: { Service: ec2, Api: DescribeInstances, PropertySelector: "$.A['B'].C", DesiredValues: [ "True" ] }
    isEnd: true
  - { name: Never, action: "aws:loop", inputs: { Iterators: [ 1 ] } }
  - 7
outputs: [ Look.State, Script.Result ]
"#,
    );
    insta::assert_snapshot!(made.text);
    insta::assert_snapshot!(made.report.to_text());
}

#[test]
fn steps_that_lead_back_are_a_loop() {
    let made = import(&steps(
        r#"
  - { name: Try, action: "aws:executeAwsApi", inputs: { Service: sqs, Api: PurgeQueue }, onFailure: "step:Rest" }
  - { name: Done, action: "aws:pause", isEnd: true }
  - { name: Rest, action: "aws:sleep", inputs: { Duration: PT1M }, nextStep: Try }
"#,
    ));
    insta::assert_snapshot!(made.text);
}

#[test]
fn what_leads_nowhere_is_said() {
    let made = import(&steps(
        r#"
  - { name: A, action: "aws:sleep", inputs: { Duration: soon }, nextStep: Nobody, onFailure: "step:Nothing" }
  - { name: B, action: "aws:branch", inputs: { Choices: [ 7, { NextStep: A } ] } }
  - { action: "aws:executeAwsApi", inputs: { Service: "s3; rm", Api: "{{ Id }}" } }
"#,
    ));
    let said = made.report.to_text();
    for part in ["there is no step `Nobody`", "there is no step `Nothing`", "nothing leads to the step `B`"] {
        assert!(said.contains(part), "{part}\n{said}");
    }
}

#[test]
fn what_is_no_document_is_said() {
    for (text, said) in [
        ("", "is empty"),
        ("[1]", "`schemaVersion` was expected"),
        ("schemaVersion: '1.2'", "the schema version 1.2"),
        ("schemaVersion: '0.3'", "has no steps"),
        ("{ \"schemaVersion\": \"0.3\", \"mainSteps\": 3 }", "has no steps"),
    ] {
        assert!(refused(ssm::import, text).contains(said), "{text}");
    }
    let many = format!("{{ \"schemaVersion\": \"0.3\", \"mainSteps\": [{}{{}}] }}", "{},".repeat(1_000));
    assert!(refused(ssm::import, &many).contains("1001 steps"));
}

#[test]
fn as_many_steps_as_may_be_are_written() {
    let all: String = (0..1_000).fold(String::new(), |out, i| {
        out + &format!("  - {{ name: S{i}, action: 'aws:pause', onFailure: 'step:S{}' }}\n", (i * 7 + 3) % 1_000)
    });
    assert_eq!(import(&steps(&all)).report.counts.by_hand, 1_000);
}

#[test]
fn every_sample_gives_a_runbook_that_checks() {
    samples("ssm", ssm::import, |value| {
        let steps = value["mainSteps"].as_array().unwrap();
        steps.iter().filter_map(|s| s["name"].as_str().map(str::to_owned)).collect()
    });
}
